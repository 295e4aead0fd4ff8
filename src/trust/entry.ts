/**
 * What a target of ours says in `custom` (FORMAT §2 "Targets"): which release or whose site files it is. Entries of a
 * newer format, or of no kind known here, are passed over; only the one in use is held to its format (use.ts).
 */
import { createHash } from 'node:crypto';
import type { TargetEntry } from './catalogue.ts';
import { isRecord } from './metadata.ts';

/** The format of targets' custom fields, ceremony files and envelopes that is written and read here. */
export const TRUST_FORMAT = 1;
/** The first ferry that reads that format; fixed by the format, never by the running version. */
export const TRUST_MIN_FERRY = '0.1.0';

interface EntryBase {
  readonly path: string;
  readonly length: number;
  readonly sha256: string;
  readonly product: string;
  /** ISO 8601. */
  readonly issued: string;
}

export interface ReleaseEntry extends EntryBase {
  readonly kind: 'release';
  readonly release: string;
  readonly sequence: number;
  /** The content digest that the ledger numbers releases by, 64 hex digits. */
  readonly content: string;
}

export interface SiteFilesEntry extends EntryBase {
  readonly kind: 'site-files';
  /** A siteID, or `any`. */
  readonly site: string;
}

/** The target of a release; its bytes are those of release.json. */
export function releaseTarget(
  fields: Pick<ReleaseEntry, 'product' | 'release' | 'sequence' | 'content' | 'issued'> & { bytes: Uint8Array },
): TargetEntry {
  const { bytes, ...custom } = fields;
  return target(`${fields.release}/${fields.sequence}/release.json`, bytes, custom);
}

/** The target of one site's files; its bytes are those of site-files.json. */
export function siteFilesTarget(
  fields: Pick<SiteFilesEntry, 'product' | 'site' | 'issued'> & { bytes: Uint8Array },
): TargetEntry {
  const { bytes, ...custom } = fields;
  return target(siteFilesPath(fields.site), bytes, custom);
}

/** Where a site's files are listed. */
export function siteFilesPath(site: string): string {
  return `sites/${site}/site-files.json`;
}

/** Reads an entry; `undefined` for one of a newer format or of a kind that is not known here. */
export function parseEntry(entry: TargetEntry): ReleaseEntry | SiteFilesEntry | undefined {
  const { path, length, sha256 } = entry;
  const custom = isRecord(entry.custom) ? entry.custom : {};
  const { format, product, issued } = custom;
  if (format !== TRUST_FORMAT || typeof product !== 'string' || typeof issued !== 'string') return undefined;
  return (
    findRelease({ path, length, sha256, product, issued }, custom) ??
    findSiteFiles({ path, length, sha256, product, issued }, custom)
  );
}

function findRelease(base: EntryBase, custom: Readonly<Record<string, unknown>>): ReleaseEntry | undefined {
  const { release, sequence, content } = custom;
  if (typeof release !== 'string' || typeof sequence !== 'number' || !Number.isSafeInteger(sequence)) return undefined;
  if (sequence < 1 || typeof content !== 'string' || base.path !== `${release}/${sequence}/release.json`)
    return undefined;
  return { ...base, kind: 'release', release, sequence, content };
}

function findSiteFiles(base: EntryBase, { site }: Readonly<Record<string, unknown>>): SiteFilesEntry | undefined {
  if (typeof site !== 'string' || base.path !== siteFilesPath(site)) return undefined;
  return { ...base, kind: 'site-files', site };
}

function target(path: string, bytes: Uint8Array, custom: Readonly<Record<string, unknown>>): TargetEntry {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const versioned = { ...custom, format: TRUST_FORMAT, minFerry: TRUST_MIN_FERRY };
  return { path, length: bytes.length, sha256, custom: versioned };
}
