/**
 * Who signs for a role: the keys that the root names and whose files are here, then the signer command for the others.
 * As few as the threshold asks: each sealed key costs a second and each token a finger.
 */
import { join } from 'node:path';
import type { PublicKey, Role, RoleKeys, Signer } from '../trust/index.ts';
import { commandSigner, pemSigner } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import { listKeyFiles } from './key-files.ts';
import type { Ledger, LedgerKey } from './ledger.ts';
import type { Workspace } from './open.ts';
import { runSigner } from './signer-command.ts';

/** Where a key's file would be. */
export function keyPath(workspace: Workspace, { role, file }: Pick<LedgerKey, 'role' | 'file'>): string {
  return join(role === 'root' ? workspace.rootKeysDir : workspace.paths.keys, file);
}

/**
 * Enough signers for a role.
 * @throws {WorkspaceError} `KEY_MISSING` when fewer than the threshold are here; `PASSPHRASE_NEEDED`
 * @throws {SealError} `WRONG_PASSPHRASE`
 */
export async function roleSigners(
  workspace: Workspace,
  { ledger, role, keys }: { readonly ledger: Ledger; readonly role: Role; readonly keys: RoleKeys },
): Promise<readonly Signer[]> {
  const signers = await availableSigners(workspace, { ledger, role, keys: keys.keys, enough: keys.threshold });
  if (signers.length >= keys.threshold) return signers;
  throw new WorkspaceError(
    `sign ${role}: expected ${keys.threshold} of the ${keys.keys.length} keys that the root names, got ${signers.length}`,
    { code: 'KEY_MISSING', facts: { role, threshold: keys.threshold, here: signers.length } },
  );
}

/** The signers among these keys that can be reached from here, at most `enough`. */
export async function availableSigners(
  workspace: Workspace,
  options: { ledger: Ledger; role: Role; keys: readonly PublicKey[]; enough: number },
): Promise<readonly Signer[]> {
  const { ledger, role, keys, enough } = options;
  const files: Signer[] = [];
  const others: PublicKey[] = [];
  for (const key of keys) {
    if (files.length >= enough) break;
    const signer = await findFileSigner(workspace, { ledger, role, key });
    if (signer === undefined) others.push(key);
    else files.push(signer);
  }
  const { signerCommand, env, signerTimeoutMs } = workspace.options;
  if (signerCommand === undefined) return files;
  const run = runSigner({ command: signerCommand, env, timeoutMs: signerTimeoutMs });
  return [...files, ...others.map((key) => commandSigner(key, run))].slice(0, enough);
}

/** By the ledger where it knows the key; else, for root keys of a former workspace, by opening what is there. */
async function findFileSigner(
  workspace: Workspace,
  { ledger, role, key }: { ledger: Ledger; role: Role; key: PublicKey },
): Promise<Signer | undefined> {
  const known = ledger.keys.find(({ keyID }) => keyID === key.keyID);
  const names = known ? [known.file] : await unknownFiles(workspace, ledger, role);
  for (const file of names) {
    const pem = await workspace.openKey(keyPath(workspace, { role, file }));
    if (pem === undefined) continue;
    const signer = pemSigner(pem);
    if (signer.key.keyID === key.keyID) return signer;
  }
  return undefined;
}

async function unknownFiles(workspace: Workspace, ledger: Ledger, role: Role): Promise<readonly string[]> {
  if (role !== 'root') return [];
  const known = new Set(ledger.keys.filter((key) => key.role === role).map(({ file }) => file));
  const files = await listKeyFiles(workspace.rootKeysDir);
  return files.filter((file) => file.role === role && !known.has(file.name)).map(({ name }) => name);
}
