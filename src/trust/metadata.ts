/**
 * One metadata file, read leniently as TUF 1.0 describes: surplus signatures, unknown fields and any JSON formatting
 * pass; what was signed is the canonical form of `signed`. @tufjs/models judges the fields. Nothing here is trusted
 * yet: root.ts counts the signatures, strict.ts adds what FORMAT §2 asks of files in a tar.
 */
import type { Root, Snapshot, Targets, Timestamp } from '@tufjs/models';
import { Metadata, MetadataKind } from '@tufjs/models';
import { canonicalJSON, parseJSON } from '../content/index.ts';
import { TrustError } from './error.ts';

/** The four roles of TUF. */
export type Role = 'root' | 'targets' | 'snapshot' | 'timestamp';

export const ROLES: readonly Role[] = ['root', 'targets', 'snapshot', 'timestamp'];

/** The most bytes a file of each role may have, so that nothing endless is ever read (TUF 1.0 §5.3.3, W to Z). */
export const MAX_ROOT_BYTES = 512_000;
export const MAX_TIMESTAMP_BYTES = 16_384;
export const MAX_SNAPSHOT_BYTES = 2_000_000;
export const MAX_TARGETS_BYTES = 5_000_000;
/** The most roots that a chain may have. */
export const MAX_ROOTS = 1024;

const MAX_BYTES: Readonly<Record<Role, number>> = {
  root: MAX_ROOT_BYTES,
  timestamp: MAX_TIMESTAMP_BYTES,
  snapshot: MAX_SNAPSHOT_BYTES,
  targets: MAX_TARGETS_BYTES,
};

/** The fields of each role, as @tufjs/models has them. */
interface Models {
  root: Root;
  targets: Targets;
  snapshot: Snapshot;
  timestamp: Timestamp;
}

/** A metadata file with its parts side by side: bytes as carried, what was signed, and the fields. */
export interface MetadataFile<R extends Role = Role> {
  readonly role: R;
  readonly bytes: Uint8Array;
  /** The value of `signed`, unknown fields included. */
  readonly signed: Readonly<Record<string, unknown>>;
  /** The bytes that the signatures are over. */
  readonly payload: Uint8Array;
  /** Signature in hex, as listed, by keyID. */
  readonly signatures: ReadonlyMap<string, string>;
  readonly version: number;
  readonly expires: Date;
  readonly model: Models[R];
}

/**
 * Reads one metadata file.
 * @throws {TrustError} `METADATA_TOO_LARGE` before anything is parsed; `METADATA_INVALID` when it is not that role's.
 */
export function readMetadata<R extends Role>(role: R, bytes: Uint8Array): MetadataFile<R> {
  if (bytes.length > MAX_BYTES[role]) {
    throw new TrustError(`read ${role} metadata: expected at most ${MAX_BYTES[role]} bytes, got ${bytes.length}`, {
      code: 'METADATA_TOO_LARGE',
      facts: { role, size: bytes.length },
    });
  }
  try {
    return parseMetadata(role, bytes);
  } catch (cause) {
    // one door for all the ways in which foreign bytes can be wrong: JSON, floats, depth, and the models' own errors
    if (cause instanceof TrustError) throw cause;
    throw invalid(role, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Whether a JSON value is an object with named fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The error for a file that is not what its role says. */
export function invalid(role: string, why: string, cause?: unknown): TrustError {
  return new TrustError(`read ${role} metadata: ${why.replaceAll(/\s+/g, ' ')}`, {
    code: 'METADATA_INVALID',
    cause,
    facts: { role },
  });
}

function parseMetadata<R extends Role>(role: R, bytes: Uint8Array): MetadataFile<R> {
  const envelope = parseJSON(bytes, `${role} metadata`);
  if (!isRecord(envelope) || !isRecord(envelope['signed'])) throw invalid(role, 'expected signed and signatures');
  const { signed } = envelope;
  const payload = canonicalJSON(signed, { controlCharacters: 'allow' });
  const parsed = modelOf(role, envelope);
  const model = parsed.signed as Models[R];
  if (!Number.isSafeInteger(model.version) || model.version < 1) {
    throw invalid(role, `expected a version from 1, got ${model.version}`);
  }
  const signatures = new Map(Object.values(parsed.signatures).map(({ keyID, sig }) => [keyID, sig]));
  const { version, expires } = model;
  return { role, bytes, signed, payload, signatures, version, expires: new Date(expires), model };
}

function modelOf(role: Role, envelope: Readonly<Record<string, unknown>>): Metadata<Models[Role]> {
  // the models check every field that they read; JSON.parse has given nothing but JSON
  const json = envelope as Parameters<typeof Metadata.fromJSON>[1];
  switch (role) {
    case 'root':
      return Metadata.fromJSON(MetadataKind.Root, json);
    case 'timestamp':
      return Metadata.fromJSON(MetadataKind.Timestamp, json);
    case 'snapshot':
      return Metadata.fromJSON(MetadataKind.Snapshot, json);
    case 'targets':
      return Metadata.fromJSON(MetadataKind.Targets, json);
  }
}
