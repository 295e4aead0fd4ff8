/**
 * Which entries a bundle may have, and in which order (FORMAT §1). One table says what may follow what; whatever is
 * not in it is surplus, missing or out of order. Sizes and digests are judged elsewhere.
 */
import type { TarEntry } from '../layout/index.ts';
import { FILE_NAME, SITE_ID } from '../manifest/index.ts';
import { type Damage, damaged } from './error.ts';

/** A tar with images, one with a single site's files, or one with trust metadata alone. */
export type BundleKind = 'release' | 'overlay' | 'catalogue';

/** What an entry is, by its name. */
export type EntryPart =
  | { readonly part: 'root' | 'snapshot' | 'targets'; readonly version: number }
  | { readonly part: 'timestamp' | 'release' | 'layout' | 'index' | 'manifest' | 'blob' }
  | { readonly part: 'file'; readonly name: string }
  | { readonly part: 'site-document'; readonly site: string }
  | { readonly part: 'site-file'; readonly site: string; readonly name: string };

type Part = EntryPart['part'];

const VERSIONED = /^tuf\/([1-9][0-9]{0,14})\.(root|snapshot|targets)\.json$/;
const BLOB = /^blobs\/sha256\/[0-9a-f]{64}$/;
const FIXED: Readonly<Record<string, 'timestamp' | 'release' | 'layout' | 'index' | 'manifest'>> = {
  'tuf/timestamp.json': 'timestamp',
  'release.json': 'release',
  'oci-layout': 'layout',
  'index.json': 'index',
  'manifest.json': 'manifest',
};

/** What may come next. `end` is the end of the tar. */
const NEXT: Readonly<Record<Part | 'start', readonly (Part | 'end')[]>> = {
  start: ['root'],
  root: ['root', 'timestamp'],
  timestamp: ['snapshot'],
  snapshot: ['targets'],
  targets: ['release', 'site-document', 'end'],
  release: ['layout'],
  layout: ['index'],
  index: ['manifest'],
  manifest: ['file', 'site-document', 'blob', 'end'],
  file: ['file', 'site-document', 'blob', 'end'],
  'site-document': ['site-file', 'site-document', 'blob', 'end'],
  'site-file': ['site-file', 'site-document', 'blob', 'end'],
  blob: ['blob', 'end'],
};

/** What an entry is; `undefined` when no bundle has such an entry. */
export function parseEntryName(name: string): EntryPart | undefined {
  const fixed = FIXED[name];
  if (fixed !== undefined) return { part: fixed };
  if (BLOB.test(name)) return { part: 'blob' };
  const [, version, role] = VERSIONED.exec(name) ?? [];
  if (version !== undefined) return { part: role as 'root' | 'snapshot' | 'targets', version: Number(version) };
  const [folder, second, third, ...rest] = name.split('/');
  if (folder === 'files' && second !== undefined && third === undefined && FILE_NAME.test(second)) {
    return { part: 'file', name: second };
  }
  if (folder !== 'sites' || second === undefined || third === undefined || rest.length > 0) return undefined;
  if (!SITE_ID.test(second) || !FILE_NAME.test(third)) return undefined;
  return third === 'site-files.json'
    ? { part: 'site-document', site: second }
    : { part: 'site-file', site: second, name: third };
}

/** An entry with what it is. */
export interface BundleEntry extends TarEntry {
  readonly is: EntryPart;
}

/**
 * Says what each entry is and which kind of tar they make.
 * @throws {BundleError} `DAMAGED` with the first entry that is unknown, missing or out of order.
 */
export function readKind(entries: readonly TarEntry[]): { kind: BundleKind; entries: BundleEntry[] } {
  let before: EntryPart | undefined;
  const named = entries.map((entry, at) => {
    const is = parseEntryName(entry.name);
    const why = whyNotAfter(before, is, at);
    if (is === undefined || why !== undefined) throw wrongEntry(entry, why ?? 'expected an entry of a bundle');
    before = is;
    return { ...entry, is };
  });
  if (!NEXT[before?.part ?? 'start'].includes('end')) throw missing(before, entries.at(-1));
  return { kind: kindOf(named), entries: named };
}

function whyNotAfter(before: EntryPart | undefined, is: EntryPart | undefined, at: number): string | undefined {
  const expected = NEXT[before?.part ?? 'start'];
  if (is === undefined || !expected.includes(is.part)) return `expected ${namesOf(expected)} here, got another entry`;
  // roots are every one since the first, so the n-th entry is the n-th root
  if (is.part === 'root' && is.version !== at + 1) return `expected tuf/${at + 1}.root.json here, got another root`;
  if (is.part === 'site-file' && before !== undefined && 'site' in before && before.site !== is.site) {
    return `expected a file of site ${before.site} here, got one of another site`;
  }
  return undefined;
}

function kindOf(entries: readonly BundleEntry[]): BundleKind {
  if (entries.some(({ is }) => is.part === 'release')) return 'release';
  const [document, ...rest] = entries.filter(({ is }) => is.part === 'site-document' || is.part === 'blob');
  if (document === undefined) return 'catalogue';
  const surplus = rest[0];
  if (surplus !== undefined) throw wrongEntry(surplus, 'expected the files of one site and no image, got more');
  return 'overlay';
}

function wrongEntry({ name, headerOffset }: TarEntry, why: string): Error {
  return damaged('open bundle', [{ entry: name, offset: headerOffset, why }]);
}

function missing(before: EntryPart | undefined, last: TarEntry | undefined): Error {
  const why = `expected ${namesOf(NEXT[before?.part ?? 'start'])} next, got the end of the tar`;
  const damage: Damage = last === undefined ? { why } : { entry: last.name, offset: last.headerOffset, why };
  return damaged('open bundle', [damage]);
}

const WORDS: Readonly<Partial<Record<Part | 'end', string>>> = {
  root: 'tuf/<n>.root.json',
  timestamp: 'tuf/timestamp.json',
  snapshot: 'tuf/<v>.snapshot.json',
  targets: 'tuf/<v>.targets.json',
  release: 'release.json',
  layout: 'oci-layout',
  index: 'index.json',
  manifest: 'manifest.json',
  'site-document': 'site-files.json',
  'site-file': "a site's file",
  end: 'the end',
};

function namesOf(parts: readonly (Part | 'end')[]): string {
  return parts.map((part) => WORDS[part] ?? `a ${part}`).join(' or ');
}
