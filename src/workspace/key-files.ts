/**
 * Private keys at rest: `<role>-<n>.age`, PKCS#8 PEM under an age passphrase, or `<role>-<n>.pem`, mode 0600 (FORMAT
 * §6). Only here are they written and opened. Root keys may have a folder of their own, which need not always be there.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findFileBounded, isErrno, writeNew } from '../content/index.ts';
import type { Role } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';

/** Asks a person, or a file, for a passphrase. `confirm` when a new one is chosen. */
export type AskPassphrase = (ask: { readonly what: string; readonly confirm: boolean }) => Promise<string>;

export interface SealKeyOptions {
  /** Absent: the key is kept unsealed. */
  readonly passphrase?: AskPassphrase | undefined;
  /** Base-2 logarithm of scrypt's work, lower only in tests. @default 18 */
  readonly workFactor?: number | undefined;
}

const MAX_KEY_BYTES = 64 * 1024;
/** Loaded when a sealed key is met: most runs sign nothing, or with unsealed keys. */
const loadSeal = () => import('../seal/index.ts');
const KEY_FILE = /^(root|targets|snapshot|timestamp)-([1-9]\d{0,5})\.(age|pem)$/;

/**
 * Keeps a private key under the next free name of its role.
 * @returns the file's name
 */
export async function saveKey(
  folder: string,
  { role, privatePEM }: { readonly role: Role; readonly privatePEM: string },
  { passphrase, workFactor = 18 }: SealKeyOptions,
): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = `${role}-${await nextNumber(folder, role)}.${passphrase === undefined ? 'pem' : 'age'}`;
  const plain = Buffer.from(privatePEM);
  const bytes = passphrase === undefined ? plain : await seal(plain, passphrase, workFactor);
  await writeNew(join(folder, name), bytes, { mode: 0o600 });
  return name;
}

/**
 * Opens a key file: its PKCS#8 PEM, or `undefined` when it is not there (a stick that is not plugged in).
 * @throws {SealError} `WRONG_PASSPHRASE`, `SEAL_INVALID`; {WorkspaceError} `PASSPHRASE_NEEDED`
 */
export async function findKey(path: string, passphrase: AskPassphrase | undefined): Promise<string | undefined> {
  const bytes = await findFileBounded(path, { max: MAX_KEY_BYTES });
  if (bytes === undefined) return undefined;
  if (path.endsWith('.pem')) return bytes.toString();
  if (passphrase === undefined) {
    throw new WorkspaceError(`open key ${path}: expected a passphrase, got none`, { code: 'PASSPHRASE_NEEDED' });
  }
  const { openWithPassphrase, SealError } = await loadSeal();
  try {
    const plain = await openWithPassphrase(bytes, await passphrase({ what: "the workspace's keys", confirm: false }));
    return Buffer.from(plain).toString();
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    const why = error.message.replace('open sealed file: ', '');
    throw new SealError(`open key ${path}: ${why}`, { code: error.code, cause: error });
  }
}

/** The key files of a folder, by role and number; none when there is no such folder. */
export async function listKeyFiles(folder: string): Promise<readonly { readonly name: string; readonly role: Role }[]> {
  const found = (await readFolder(folder)).flatMap((name) => {
    const [, role, number] = KEY_FILE.exec(name) ?? [];
    return role === undefined ? [] : [{ name, role: role as Role, number: Number(number) }];
  });
  return found.toSorted((a, b) => a.role.localeCompare(b.role) || a.number - b.number);
}

async function seal(plain: Uint8Array, passphrase: AskPassphrase, workFactor: number): Promise<Uint8Array> {
  const { sealWithPassphrase } = await loadSeal();
  return sealWithPassphrase(plain, await passphrase({ what: "the workspace's keys", confirm: true }), { workFactor });
}

async function nextNumber(folder: string, role: Role): Promise<number> {
  const numbers = (await readFolder(folder)).map((name) => KEY_FILE.exec(name)).filter((match) => match?.[1] === role);
  return Math.max(0, ...numbers.map((match) => Number(match?.[2]))) + 1;
}

async function readFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
