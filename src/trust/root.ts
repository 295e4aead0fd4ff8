/**
 * Root metadata: who may sign what, and the count of who did (TUF 1.0 §5.3). A signature counts when its key is listed
 * for the role, its keyID recomputes and its scheme is ours; one key under two keyIDs counts once. What doesn't count is
 * passed over, never fatal. Also the walk from a trusted root over every later one.
 */
import { TrustError } from './error.ts';
import type { PublicKey } from './key.ts';
import { keyIDOf, keyMaterial, verifySignature } from './key.ts';
import type { MetadataFile, Role } from './metadata.ts';
import { isRecord, ROLES, readMetadata } from './metadata.ts';

/** The holders of a role, and how many of them must sign. */
export interface RoleKeys {
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
}

export type RootRoles = Readonly<Record<Role, RoleKeys>>;

/** A root file, read: its number, its end, and the keys of every role that can count. */
export interface RootView {
  readonly version: number;
  readonly expires: Date;
  readonly bytes: Uint8Array;
  readonly roles: RootRoles;
  readonly file: MetadataFile<'root'>;
}

/** Reads root metadata; nothing about it is trusted yet. @throws {TrustError} `METADATA_INVALID`, `METADATA_TOO_LARGE` */
export function readRoot(bytes: Uint8Array): RootView {
  const file = readMetadata('root', bytes);
  const roles = Object.fromEntries(ROLES.map((role) => [role, roleKeys(file, role)])) as unknown as RootRoles;
  return { version: file.version, expires: file.expires, bytes, roles, file };
}

/** The keyIDs of a role whose signatures of this file are right, one per key. */
export function signersOf(file: MetadataFile, { keys }: RoleKeys): string[] {
  const counted = new Map<string, string>();
  for (const key of keys) {
    const signature = file.signatures.get(key.keyID);
    if (signature === undefined || !/^(?:[0-9a-fA-F]{2})+$/.test(signature)) continue;
    const material = keyMaterial(key);
    if (material === undefined || counted.has(material)) continue;
    if (verifySignature(key, file.payload, Buffer.from(signature, 'hex'))) counted.set(material, key.keyID);
  }
  return [...counted.values()];
}

/** Whether enough holders of the file's role, as this root names them, have signed it. */
export function isSignedBy(root: RootView, file: MetadataFile): boolean {
  const role = root.roles[file.role];
  return signersOf(file, role).length >= role.threshold;
}

/** Proves a file against the root that names its holders. @throws {TrustError} `SIGNATURE_THRESHOLD` */
export function verifySigned(root: RootView, file: MetadataFile): void {
  const role = root.roles[file.role];
  const signers = signersOf(file, role);
  if (signers.length >= role.threshold) return;
  throw new TrustError(
    `verify ${file.role} ${file.version}: expected ${role.threshold} signatures of the keys that root ${root.version} names, got ${signers.length}`,
    {
      code: 'SIGNATURE_THRESHOLD',
      facts: { role: file.role, version: file.version, root: root.version, threshold: role.threshold, signers },
    },
  );
}

/**
 * Walks from a trusted root over its successors, in order: each is the next number and signed by enough holders of the
 * one before and of its own. The end of validity of those in between doesn't matter (TUF 1.0 §5.3.4 to §5.3.9).
 * @throws {TrustError} `SIGNATURE_THRESHOLD`; `ROLLBACK` when a number is not the next.
 */
export function walkRoots(trusted: RootView, successors: readonly RootView[]): RootView {
  let newest = trusted;
  for (const root of successors) {
    verifySigned(newest, root.file); // 5.3.4: arbitrary software
    verifySigned(root, root.file);
    if (root.version !== newest.version + 1) {
      throw new TrustError(`verify roots: expected root ${newest.version + 1} next, got ${root.version}`, {
        code: 'ROLLBACK', // 5.3.5
        facts: { expected: newest.version + 1, got: root.version },
      });
    }
    newest = root;
  }
  return newest;
}

/**
 * Whether a timestamp or snapshot key that `before` named is no longer named: the sign that floors which a thief may
 * have driven up must be forgotten (TUF 1.0 §5.3.11). A key that is only added leaves the floors where they are.
 */
export function hasDroppedCatalogueKey(before: RootView, after: RootView): boolean {
  return (['timestamp', 'snapshot'] as const).some((role) => {
    const kept = new Set(after.roles[role].keys.map(({ keyID }) => keyID));
    return before.roles[role].keys.some(({ keyID }) => !kept.has(keyID));
  });
}

function roleKeys({ signed, model }: MetadataFile<'root'>, role: Role): RoleKeys {
  const { keyIDs, threshold } = model.roles[role] ?? { keyIDs: [], threshold: Number.POSITIVE_INFINITY };
  const listed = isRecord(signed['keys']) ? signed['keys'] : {};
  const keys = keyIDs.flatMap((keyID) => {
    const key = model.keys[keyID];
    // TUF 1.0 §4.2: clients recompute; a keyID that another key was given is a key that nobody holds
    if (!key || !Object.hasOwn(listed, keyID) || keyIDOf(listed[keyID]) !== keyID) return [];
    return [{ keyID, keytype: key.keyType, scheme: key.scheme, value: key.keyVal['public'] ?? '' }];
  });
  return { keys, threshold };
}
