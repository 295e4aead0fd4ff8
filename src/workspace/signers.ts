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
  const { files, tokens } = await availableSigners(workspace, {
    ledger,
    role,
    keys: keys.keys,
    enough: keys.threshold,
  });
  const signers = [...files, ...tokens].slice(0, keys.threshold);
  if (signers.length >= keys.threshold) return signers;
  const looked = keys.keys
    .filter(({ keyID }) => !signers.some(({ key }) => key.keyID === keyID))
    .map((key) => whereabouts(workspace, { ledger, role, key }));
  throw new WorkspaceError(
    `sign ${role}: expected ${keys.threshold} of the ${keys.keys.length} keys that the root names, got ${signers.length}: not here: ${looked.join(', ')}`,
    { code: 'KEY_MISSING', facts: { role, threshold: keys.threshold, here: signers.length, looked } },
  );
}

/** Where a key that is not here was looked for, or whose it is as far as we know. */
function whereabouts(
  workspace: Workspace,
  { ledger, role, key }: { ledger: Ledger; role: Role; key: PublicKey },
): string {
  const known = ledger.keys.find(({ keyID }) => keyID === key.keyID);
  return known ? keyPath(workspace, { role, file: known.file }) : `key ${key.keyID.slice(0, 16)}, held elsewhere`;
}

/** Who can sign here: keys whose files are here, and those that the signer command may hold. */
export interface AvailableSigners {
  readonly files: readonly Signer[];
  readonly tokens: readonly Signer[];
}

/** The signers among these keys that can be reached from here; no more files are opened than `enough`. */
export async function availableSigners(
  workspace: Workspace,
  options: { ledger: Ledger; role: Role; keys: readonly PublicKey[]; enough: number },
): Promise<AvailableSigners> {
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
  if (signerCommand === undefined) return { files, tokens: [] };
  const run = runSigner({ command: signerCommand, env, timeoutMs: signerTimeoutMs });
  return { files, tokens: others.map((key) => commandSigner(key, run)) };
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
