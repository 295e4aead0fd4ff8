/**
 * Timestamp, snapshot and targets as one whole: each must be exactly what the one above it lists (TUF 1.0 §5.4 to 5.6,
 * mix-and-match). Whose signatures count and which of two catalogues wins is judged elsewhere (root.ts, accept.ts), and
 * so is expiry. Delegations are not part of the profile and are not followed.
 */
import type { MetaFile } from '@tufjs/models';
import { TrustError } from './error.ts';
import type { MetadataFile } from './metadata.ts';
import { invalid, readMetadata } from './metadata.ts';
import type { RootView } from './root.ts';
import { isSignedBy, verifySigned } from './root.ts';
import type { CatalogueFiles } from './site-trust.ts';

/** One target as the targets role lists it. */
export interface TargetEntry {
  readonly path: string;
  readonly length: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** As signed; read by `parseEntry`. */
  readonly custom: unknown;
}

/** A whole catalogue, its parts proven to belong together. */
export interface Catalogue {
  readonly timestamp: MetadataFile<'timestamp'>;
  readonly snapshot: MetadataFile<'snapshot'>;
  readonly targets: MetadataFile<'targets'>;
  readonly entries: readonly TargetEntry[];
  /** When the timestamp was signed, by its signer's clock; absent in catalogues that ferry did not make. */
  readonly issued: Date | undefined;
}

/**
 * Reads a catalogue; with a root also proves that root's holders signed each part, before the next is looked at.
 * @throws {TrustError} `SIGNATURE_THRESHOLD`, `MIX_AND_MATCH`, `METADATA_INVALID`, `METADATA_TOO_LARGE`
 */
export function readCatalogue(files: CatalogueFiles, root?: RootView): Catalogue {
  const timestamp = readMetadata('timestamp', files.timestamp);
  if (root) verifySigned(root, timestamp);
  checkListed(timestamp.model.snapshotMeta, 'snapshot', files.snapshot);
  const snapshot = readMetadata('snapshot', files.snapshot);
  if (root) verifySigned(root, snapshot);
  checkVersion(timestamp.model.snapshotMeta, snapshot);
  const listed = Object.hasOwn(snapshot.model.meta, 'targets.json') ? snapshot.model.meta['targets.json'] : undefined;
  if (!listed) throw invalid('snapshot', 'expected targets.json in meta');
  checkListed(listed, 'targets', files.targets);
  const targets = readMetadata('targets', files.targets);
  if (root) verifySigned(root, targets);
  checkVersion(listed, targets);
  return { timestamp, snapshot, targets, entries: entriesOf(targets), issued: issuedOf(timestamp) };
}

/** Whether enough of the holders that this root names have signed every part. */
export function isCatalogueSignedBy(root: RootView, { timestamp, snapshot, targets }: Catalogue): boolean {
  return [timestamp, snapshot, targets].every((file) => isSignedBy(root, file));
}

function checkListed(meta: MetaFile, role: 'snapshot' | 'targets', bytes: Uint8Array): void {
  try {
    meta.verify(Buffer.from(bytes));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^E/, 'e') : String(cause);
    throw mixed(`verify ${role}: ${why}`, { role }, cause);
  }
}

function checkVersion(meta: MetaFile, file: MetadataFile): void {
  if (meta.version === file.version) return;
  throw mixed(`verify ${file.role}: expected version ${meta.version} as listed, got ${file.version}`, {
    role: file.role,
    version: file.version,
  });
}

function mixed(message: string, facts: Readonly<Record<string, unknown>>, cause?: unknown): TrustError {
  return new TrustError(message, { code: 'MIX_AND_MATCH', facts, cause });
}

function entriesOf({ model }: MetadataFile<'targets'>): TargetEntry[] {
  return Object.entries(model.targets).flatMap(([path, { length, hashes, custom }]) => {
    const sha256 = hashes['sha256'];
    return sha256 === undefined ? [] : [{ path, length, sha256, custom }]; // nothing here is found by another hash
  });
}

function issuedOf({ signed }: MetadataFile<'timestamp'>): Date | undefined {
  const { issued } = signed;
  if (issued === undefined) return undefined;
  const date = new Date(typeof issued === 'string' ? issued : Number.NaN);
  if (Number.isNaN(date.getTime())) throw invalid('timestamp', 'expected issued to be a time');
  return date;
}
