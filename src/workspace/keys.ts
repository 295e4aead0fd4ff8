/** `ferry keys list, rotate, add, revoke`: who may sign what. Every change is a new root (root-change.ts). */
import type { PublicKey, Role, RootRoles } from '../trust/index.ts';
import { generateKey, publicKeyFromPEM, publicKeyOf } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import { listKeyFiles, saveKey } from './key-files.ts';
import type { LedgerKey } from './ledger.ts';
import { readLedger } from './ledger.ts';
import type { Workspace } from './open.ts';
import type { RootChange } from './root-change.ts';
import { changeRoot, checkNoCeremony, currentRoot, recordKeys } from './root-change.ts';
import { keyPath } from './signers.ts';

/** A key that the root names, or one of ours that it no longer names. */
export interface ListedKey {
  readonly role: Role;
  readonly keyID: string;
  readonly scheme: string;
  /** Its file's name, when its private half is ours. */
  readonly file?: string;
  /** `retired`: ours, and no longer named by the root, or not yet. */
  readonly state: 'active' | 'retired';
  /** How many of the role's keys must sign. */
  readonly threshold: number;
}

export interface KeyList {
  /** Number and end of the root that these are of. */
  readonly root: { readonly version: number; readonly expires: Date };
  readonly keys: readonly ListedKey[];
}

const ROLES: readonly Role[] = ['root', 'targets', 'snapshot', 'timestamp'];

/** The keys of all roles, then those of ours that no longer count. */
export async function listKeys(workspace: Workspace): Promise<KeyList> {
  const { version, expires, roles } = await currentRoot(workspace);
  const { keys: ours } = await readLedger(workspace.paths);
  const active = ROLES.flatMap((role) =>
    roles[role].keys.map(({ keyID, scheme }): ListedKey => {
      const file = ours.find((key) => key.keyID === keyID)?.file;
      return { role, keyID, scheme, state: 'active', threshold: roles[role].threshold, ...(file && { file }) };
    }),
  );
  const retired = ours
    .filter(({ keyID }) => !active.some((key) => key.keyID === keyID))
    .map(({ role, keyID, file }): ListedKey => {
      return { role, keyID, scheme: 'ed25519', file, state: 'retired', threshold: roles[role].threshold };
    });
  return { root: { version, expires }, keys: [...active, ...retired] };
}

/**
 * Puts new keys in the place of those of a role that this workspace made; holders elsewhere keep theirs. Also the way
 * to a root with a later end.
 */
export async function rotateKey(workspace: Workspace, role: Role): Promise<RootChange> {
  const { roles } = await currentRoot(workspace);
  const { keys: ours } = await readLedger(workspace.paths);
  const replaced = roles[role].keys.filter(({ keyID }) => ours.some((key) => key.keyID === keyID));
  const fresh = await makeKeys(workspace, role, replaced.length);
  const kept = (key: PublicKey) => !replaced.some(({ keyID }) => keyID === key.keyID);
  return changeRoot(
    workspace,
    withKeys(role, (keys) => [...keys.filter(kept), ...fresh]),
  );
}

export interface AddKeyOptions {
  /** Public key of a holder elsewhere, SPKI PEM. @default a new key is made here */
  readonly publicPEM?: string;
  /** How many must sign from now on. @default as before */
  readonly threshold?: number;
}

/** Adds a holder to a role. @throws {TrustError} `KEY_INVALID`; {WorkspaceError} `KEYS_TOO_FEW` */
export async function addKey(workspace: Workspace, role: Role, options: AddKeyOptions = {}): Promise<RootChange> {
  const { publicPEM, threshold } = options;
  const { keys } = (await currentRoot(workspace)).roles[role];
  if (threshold !== undefined) checkThreshold(role, threshold, keys.length + 1); // before a key is made for it
  const added = publicPEM === undefined ? await makeKeys(workspace, role, 1) : [publicKeyFromPEM(publicPEM)];
  return changeRoot(
    workspace,
    withKeys(role, (keys) => [...keys, ...added], threshold),
  );
}

/**
 * Takes a key out of every role.
 * @param keyID all of it, or at least 8 digits of its beginning
 * @throws {WorkspaceError} `KEY_UNKNOWN`; `KEYS_TOO_FEW` when a threshold could no longer be met
 */
export async function revokeKey(workspace: Workspace, keyID: string): Promise<RootChange> {
  const { roles } = await currentRoot(workspace);
  const found = new Set(ROLES.flatMap((role) => roles[role].keys.map((key) => key.keyID)));
  const [match, ...more] = [...found].filter((candidate) => keyID.length >= 8 && candidate.startsWith(keyID));
  if (match === undefined || more.length > 0) {
    throw new WorkspaceError(
      `revoke key ${keyID}: expected one key of the root, got ${more.length > 0 ? 'several' : 'none'}`,
      {
        code: 'KEY_UNKNOWN',
      },
    );
  }
  const changes = ROLES.map((role) => withKeys(role, (keys) => keys.filter((key) => key.keyID !== match)));
  return changeRoot(workspace, (before) => changes.reduce((after, change) => change(after), before));
}

/** Notes which files of the root keys' folder hold keys that the root names, where the ledger does not know: a restore. */
export async function adoptRootKeys(workspace: Workspace): Promise<void> {
  const { roles } = await currentRoot(workspace);
  const { keys: ours } = await readLedger(workspace.paths);
  const adopted: LedgerKey[] = [];
  for (const { name, role } of await listKeyFiles(workspace.rootKeysDir)) {
    if (role !== 'root' || ours.some(({ file }) => file === name)) continue;
    const pem = await workspace.openKey(keyPath(workspace, { role, file: name }));
    const keyID = pem && publicKeyOf(pem).keyID;
    if (roles.root.keys.some((key) => key.keyID === keyID)) adopted.push({ keyID: keyID as string, role, file: name });
  }
  if (adopted.length > 0) await recordKeys(workspace, adopted);
}

/**
 * Opens what will be opened anyway, the root keys, and one beside which new ones will lie: a wrong passphrase is found
 * before a key is made and sealed with it.
 */
async function provePassphrase(workspace: Workspace, role: Role): Promise<void> {
  const { keys } = await readLedger(workspace.paths);
  const open = async (key: LedgerKey) => (await workspace.openKey(keyPath(workspace, key))) !== undefined;
  for (const key of keys.filter((each) => each.role === 'root')) await open(key);
  if (role === 'root') return;
  for (const key of keys.filter((each) => each.role !== 'root')) if (await open(key)) return;
}

/** Makes keys of a role and keeps their private halves, sealed as the workspace's others are. */
async function makeKeys(workspace: Workspace, role: Role, count: number): Promise<readonly PublicKey[]> {
  await checkNoCeremony(workspace);
  await provePassphrase(workspace, role);
  const made: PublicKey[] = [];
  const recorded: LedgerKey[] = [];
  for (let at = 0; at < count; at += 1) {
    const { key, privatePEM } = generateKey();
    const folder = role === 'root' ? workspace.rootKeysDir : workspace.paths.keys;
    const file = await saveKey(folder, { role, privatePEM }, workspace.options);
    made.push(key);
    recorded.push({ keyID: key.keyID, role, file });
  }
  await recordKeys(workspace, recorded);
  return made;
}

function withKeys(
  role: Role,
  change: (keys: readonly PublicKey[]) => readonly PublicKey[],
  newThreshold?: number,
): (roles: RootRoles) => RootRoles {
  return (roles) => {
    const keys = change(roles[role].keys);
    const threshold = newThreshold ?? roles[role].threshold;
    checkThreshold(role, threshold, keys.length);
    return { ...roles, [role]: { keys, threshold } };
  };
}

function checkThreshold(role: Role, threshold: number, keys: number): void {
  if (threshold >= 1 && keys >= threshold) return;
  throw new WorkspaceError(`change root: expected at least ${threshold} keys for ${role}, got ${keys}`, {
    code: 'KEYS_TOO_FEW',
    facts: { role, threshold, keys },
  });
}
