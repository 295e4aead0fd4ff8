/**
 * From a catalogue in force to the two documents that hang below it: is this release.json listed, not revoked, of the
 * right product and no step back; are these site files the current ones (FORMAT §2 "On the site"). Every field of the
 * entry is compared with the document itself, so that no two parts of a bundle can tell different stories.
 */
import { createHash } from 'node:crypto';
import { parseJSON } from '../content/index.ts';
import type { Accepted } from './accept.ts';
import type { TargetEntry } from './catalogue.ts';
import type { ReleaseEntry, SiteFilesEntry } from './entry.ts';
import { parseEntry, siteFilesPath, TRUST_FORMAT } from './entry.ts';
import { TrustError } from './error.ts';
import { isRecord } from './metadata.ts';

export interface AcceptReleaseOptions {
  /** Take a release below the highest that was ever installed. @default false */
  readonly allowDowngrade?: boolean;
  /** The product that this site runs. @default any */
  readonly product?: string;
  /** Releases that the site has or had, to tell two of one name apart. @default none */
  readonly known?: readonly { readonly release: string; readonly sequence: number }[];
}

/** A release that may be installed. */
export interface AcceptedRelease extends Omit<ReleaseEntry, 'kind'> {
  /** As people see it: `2.1.0`, or `2.1.0+7` where another sequence has the same name. */
  readonly shown: string;
  /** Whether it stands below the release floor and was let in by `allowDowngrade`. */
  readonly isDowngrade: boolean;
}

/**
 * Proves that release.json is listed in the catalogue in force, and may be installed now.
 * @throws {TrustError} `RELEASE_NOT_LISTED` (`facts.revoked` when the bundle's own catalogue lists it),
 * `FORMAT_TOO_NEW`, `WRONG_PRODUCT`, `DOWNGRADE`; `METADATA_INVALID` when entry and document disagree.
 */
export function acceptRelease(
  accepted: Accepted,
  releaseBytes: Uint8Array,
  { allowDowngrade = false, product, known = [] }: AcceptReleaseOptions = {},
): AcceptedRelease {
  const isRelease = ({ path }: TargetEntry) => path.endsWith('/release.json');
  const listed = findEntry(accepted.effective.entries.filter(isRelease), releaseBytes);
  if (!listed) throw notListed(accepted, findEntry(accepted.carried.entries.filter(isRelease), releaseBytes));
  const { kind: _, ...entry } = entryInUse(listed, 'release');
  checkProduct(entry.product, product);
  checkSame(releaseBytes, entry, ['product', 'release', 'sequence']);
  const floor = accepted.next.floors.release ?? 0;
  const isDowngrade = entry.sequence < floor;
  if (isDowngrade && !allowDowngrade) throw downgrade(entry, floor);
  return { ...entry, shown: showRelease(entry, [...releasesOf(accepted), ...known]), isDowngrade };
}

/**
 * Whether the site files that a bundle carries are still the ones to install. Proven against the carried chain, they
 * are `superseded` when the catalogue in force lists others or none: skipped and said, no error.
 * @throws {TrustError} `SITE_FILES_NOT_LISTED`, `FORMAT_TOO_NEW`, `METADATA_INVALID`, `WRONG_PRODUCT`
 */
export function acceptSiteFiles(
  accepted: Accepted,
  siteID: string,
  bytes: Uint8Array,
  { product }: Pick<AcceptReleaseOptions, 'product'> = {},
): 'current' | 'superseded' {
  const isTheirs = ({ path }: TargetEntry) => path === siteFilesPath(siteID);
  const carried = findEntry(accepted.carried.entries.filter(isTheirs), bytes);
  if (!carried) {
    throw new TrustError(
      `judge site files: ${siteFilesPath(siteID)}: expected them in the bundle's catalogue, got others`,
      {
        code: 'SITE_FILES_NOT_LISTED',
        facts: { site: siteID },
      },
    );
  }
  const current = findEntry(accepted.effective.entries.filter(isTheirs), bytes);
  if (!current) return 'superseded';
  const entry = entryInUse(current, 'site-files');
  checkProduct(entry.product, product);
  checkSame(bytes, entry, ['product', 'site']);
  return 'current';
}

/** A release's name as people see it; the sequence is added where another has the same name. */
export function showRelease(
  { release, sequence }: Pick<ReleaseEntry, 'release' | 'sequence'>,
  others: readonly Pick<ReleaseEntry, 'release' | 'sequence'>[],
): string {
  const isAmbiguous = others.some((other) => other.release === release && other.sequence !== sequence);
  return isAmbiguous ? `${release}+${sequence}` : release;
}

function releasesOf({ effective }: Accepted): ReleaseEntry[] {
  return effective.entries.map(parseEntry).filter((entry) => entry?.kind === 'release');
}

function findEntry(entries: readonly TargetEntry[], bytes: Uint8Array): TargetEntry | undefined {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return entries.find((entry) => entry.sha256 === sha256 && entry.length === bytes.length);
}

/** The gate of FORMAT's first paragraph, for the one entry that is used. */
function entryInUse<K extends 'release' | 'site-files'>(
  entry: TargetEntry,
  kind: K,
): Extract<ReleaseEntry | SiteFilesEntry, { kind: K }> {
  const { format, minFerry } = isRecord(entry.custom) ? entry.custom : {};
  if (typeof format === 'number' && format > TRUST_FORMAT) {
    const needed = typeof minFerry === 'string' && /^[0-9A-Za-z.+-]{1,32}$/.test(minFerry) ? minFerry : 'a later one';
    throw new TrustError(
      `judge ${entry.path}: expected format ${TRUST_FORMAT}, got ${format}, which needs ferry ${needed}`,
      {
        code: 'FORMAT_TOO_NEW',
        facts: { path: entry.path, format, minFerry: needed },
      },
    );
  }
  const parsed = parseEntry(entry);
  if (parsed?.kind !== kind) throw disagree(entry.path, 'expected custom to describe the path, got something else');
  return parsed as Extract<ReleaseEntry | SiteFilesEntry, { kind: K }>;
}

function checkProduct(got: string, expected: string | undefined): void {
  if (expected === undefined || got === expected) return;
  throw new TrustError(`judge release: expected product ${expected}, got ${got}`, {
    code: 'WRONG_PRODUCT',
    facts: { expected, got },
  });
}

function checkSame<T extends { readonly path: string }>(
  bytes: Uint8Array,
  entry: T,
  names: readonly (keyof T & string)[],
): void {
  const document = parseJSON(bytes, entry.path);
  const wrong = names.find((name) => !isRecord(document) || document[name] !== entry[name]);
  if (wrong) throw disagree(entry.path, `expected ${wrong} as the catalogue lists it, got another`);
}

function disagree(path: string, why: string): TrustError {
  return new TrustError(`judge ${path}: ${why}`, { code: 'METADATA_INVALID', facts: { path } });
}

function notListed({ effective }: Accepted, carried: TargetEntry | undefined): TrustError {
  const revoked = carried !== undefined;
  const which = revoked ? `${carried.path}, which is revoked` : 'one that is not listed';
  return new TrustError(`judge release: expected a release of catalogue ${effective.timestamp}, got ${which}`, {
    code: 'RELEASE_NOT_LISTED',
    facts: { revoked, catalogue: effective.timestamp, ...(carried && { path: carried.path }) },
  });
}

function downgrade({ release, sequence }: Pick<ReleaseEntry, 'release' | 'sequence'>, floor: number): TrustError {
  return new TrustError(`judge release: expected sequence ${floor} or later, got ${sequence} (${release})`, {
    code: 'DOWNGRADE',
    facts: { release, sequence, floor },
  });
}
