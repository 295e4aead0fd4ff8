/**
 * The office's half: metadata of the four roles as canonical bytes, and their signatures (FORMAT §2). Numbers, dates and
 * entries come in; which of them, and when, the workspace decides. Same input, same bytes: Ed25519 is deterministic and
 * signatures stand in the order of their keyIDs.
 */
import { createHash } from 'node:crypto';
import { canonicalJSON, parseJSON } from '../content/index.ts';
import type { TargetEntry } from './catalogue.ts';
import { formatTime } from './clock.ts';
import { TrustError } from './error.ts';
import { keyJSON, verifySignature } from './key.ts';
import type { Role } from './metadata.ts';
import { isRecord, ROLES } from './metadata.ts';
import type { RootRoles } from './root.ts';
import type { Signer } from './signer.ts';

const SPEC_VERSION = '1.0.31';

/** What every role's metadata has. */
export interface PartOptions {
  /** From the ledger; never used twice. */
  readonly version: number;
  readonly expires: Date;
}

export interface RootOptions extends PartOptions {
  readonly roles: RootRoles;
}

export interface TargetsOptions extends PartOptions {
  readonly entries: readonly TargetEntry[];
}

/** The file that a role lists, as it will be carried. */
export interface ListedFile {
  readonly version: number;
  readonly bytes: Uint8Array;
}

export interface SnapshotOptions extends PartOptions {
  readonly targets: ListedFile;
}

export interface TimestampOptions extends PartOptions {
  /** Now, by the office's clock or `SOURCE_DATE_EPOCH`. */
  readonly issued: Date;
  readonly snapshot: ListedFile;
}

/** The bytes of a root that its holders are to sign. @throws {RangeError} when a threshold can't be met */
export function unsignedRoot({ roles, ...part }: RootOptions): Buffer {
  const keys: Record<string, unknown> = {};
  const listed: Record<string, unknown> = {};
  for (const role of ROLES) {
    const { threshold, keys: holders } = roles[role];
    if (threshold < 1 || threshold > holders.length) {
      throw new RangeError(`root: ${role} has ${holders.length} keys, of which ${threshold} are to sign`);
    }
    for (const key of holders) keys[key.keyID] = keyJSON(key);
    listed[role] = { keyids: holders.map(({ keyID }) => keyID).toSorted(), threshold };
  }
  return unsigned('root', part, { keys, roles: listed, consistent_snapshot: true });
}

/** The bytes of the list of all that may be installed. */
export function unsignedTargets({ entries, ...part }: TargetsOptions): Buffer {
  const targets = Object.fromEntries(
    entries.map(({ path, length, sha256, custom }) => [path, { length, hashes: { sha256 }, custom }]),
  );
  return unsigned('targets', part, { targets });
}

export function unsignedSnapshot({ targets, ...part }: SnapshotOptions): Buffer {
  return unsigned('snapshot', part, { meta: { 'targets.json': metaOf(targets) } });
}

export function unsignedTimestamp({ snapshot, issued, ...part }: TimestampOptions): Buffer {
  const meta = { 'snapshot.json': metaOf(snapshot) };
  return unsigned('timestamp', part, { meta, issued: formatTime(issued) });
}

/**
 * Signs what one of the functions above made; the file as it is carried.
 * @throws {TrustError} `SIGNER_FAILED` when a signature is not its key's; and what a signer throws.
 */
export async function signMetadata(payload: Uint8Array, signers: readonly Signer[]): Promise<Buffer> {
  const summary = summaryOf(payload);
  const signatures = new Map<string, Uint8Array>();
  for (const signer of signers) {
    const { key } = signer;
    if (signatures.has(key.keyID)) continue;
    const signature = await signer.sign(payload, summary);
    if (!verifySignature(key, payload, signature)) {
      throw new TrustError(`sign ${summary}: key ${key.keyID.slice(0, 16)}: expected its signature, got another`, {
        code: 'SIGNER_FAILED',
        facts: { keyID: key.keyID },
      });
    }
    signatures.set(key.keyID, signature);
  }
  return joinSignatures(payload, signatures);
}

/** A signed file from its payload and signatures by keyID; these are not checked here. */
export function joinSignatures(payload: Uint8Array, signatures: ReadonlyMap<string, Uint8Array>): Buffer {
  const listed = [...signatures].map(([keyid, signature]) => ({ keyid, sig: Buffer.from(signature).toString('hex') }));
  listed.sort((one, other) => (one.keyid < other.keyid ? -1 : 1));
  return canonicalJSON({ signatures: listed, signed: parseJSON(payload, 'unsigned metadata') });
}

export async function makeRoot(options: RootOptions, signers: readonly Signer[]): Promise<Buffer> {
  return signMetadata(unsignedRoot(options), signers);
}

export async function makeTargets(options: TargetsOptions, signers: readonly Signer[]): Promise<Buffer> {
  return signMetadata(unsignedTargets(options), signers);
}

export async function makeSnapshot(options: SnapshotOptions, signers: readonly Signer[]): Promise<Buffer> {
  return signMetadata(unsignedSnapshot(options), signers);
}

export async function makeTimestamp(options: TimestampOptions, signers: readonly Signer[]): Promise<Buffer> {
  return signMetadata(unsignedTimestamp(options), signers);
}

/** Whether less than two thirds of a validity are left, so that metadata is signed anew although nothing changed. */
export function isRenewalDue(options: { expires: Date; validityDays: number; now: Date }): boolean {
  const { expires, validityDays, now } = options;
  return expires.getTime() - now.getTime() < (validityDays * 86_400_000 * 2) / 3;
}

/** One line for whoever is asked to sign: `targets 7, valid until 2027-12-28T00:00:00Z`. */
export function summaryOf(payload: Uint8Array): string {
  const signed = parseJSON(payload, 'unsigned metadata');
  const { _type, version, expires } = isRecord(signed) ? signed : {};
  return `${String(_type)} ${String(version)}, valid until ${String(expires)}`;
}

function unsigned(role: Role, { version, expires }: PartOptions, fields: Readonly<Record<string, unknown>>): Buffer {
  return canonicalJSON({ ...fields, _type: role, spec_version: SPEC_VERSION, version, expires: formatTime(expires) });
}

function metaOf({ version, bytes }: ListedFile): Record<string, unknown> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { version, length: bytes.length, hashes: { sha256 } };
}
