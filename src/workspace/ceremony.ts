/**
 * The offline ceremony: a holder signs a request on a machine of their own, which needs only the request and the key;
 * the office assembles the answers into the next root. What is signed, and what changes, is shown from the request.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileBounded, writeNew } from '../content/index.ts';
import type { Signer } from '../trust/index.ts';
import {
  signRequest as answerRequest,
  assemble,
  commandSigner,
  fingerprint,
  pemSigner,
  publicKeyFromPEM,
  readRequest,
  rootRoles,
} from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { AskPassphrase } from './key-files.ts';
import { findKey, listKeyFiles } from './key-files.ts';
import type { Workspace } from './open.ts';
import { once } from './open.ts';
import type { RootChange } from './root-change.ts';
import { answerPath, publishRoot } from './root-change.ts';
import type { SignerCommand } from './signer-command.ts';
import { runSigner } from './signer-command.ts';

export interface SignRequestOptions {
  /** A key file, or a folder with key files of roots. */
  readonly keys?: string | undefined;
  readonly passphrase?: AskPassphrase | undefined;
  /** A key that a program holds: its public half (SPKI PEM) says which. */
  readonly token?: (SignerCommand & { readonly publicPEM: string }) | undefined;
}

const MAX_CEREMONY_BYTES = 16 * 1024 * 1024;

/** What a request asks for, for the person to read before the key is opened. @throws {TrustError} when it is none */
export async function describeRequest(path: string): Promise<ReturnType<typeof readRequest>> {
  return readRequest(await readFileBounded(path, { max: MAX_CEREMONY_BYTES }));
}

/**
 * Signs a request with each key at hand that it asks for.
 * @returns the answers' paths, beside the request
 * @throws {WorkspaceError} `KEY_MISSING` when none of the keys is asked for; {SealError} `WRONG_PASSPHRASE`;
 *   {TrustError} `SIGNER_FAILED`, `KEY_INVALID`
 */
export async function signRequest(path: string, options: SignRequestOptions): Promise<readonly string[]> {
  const request = await readFileBounded(path, { max: MAX_CEREMONY_BYTES });
  const asked = new Set(readRequest(request).quorums.flatMap(({ keys }) => keys.map(({ keyID }) => keyID)));
  const signers = (await openSigners(options)).filter(({ key }) => asked.has(key.keyID));
  if (signers.length === 0) {
    const wanted = [...asked].map((keyID) => keyID.slice(0, 12)).join(', ');
    const where = options.keys ?? 'the signer command';
    throw new WorkspaceError(`sign ${path}: expected one of the keys ${wanted} in ${where}, got none of them`, {
      code: 'KEY_MISSING',
      hint: 'sign where one of these keys is; `ferry keys list` at the office tells whose they are',
    });
  }
  const answers: string[] = [];
  for (const signer of signers) {
    const answer = answerPath(path, signer.key.keyID);
    await writeNew(answer, await answerRequest(request, signer));
    answers.push(answer);
  }
  return answers;
}

/**
 * Puts answers together and publishes the root.
 * @throws {TrustError} `SIGNATURE_THRESHOLD`, saying who signed and how many are missing
 * @throws {WorkspaceError} `CEREMONY_STALE` when another root was published since
 */
export async function assembleRequest(
  workspace: Workspace,
  files: { readonly request: string; readonly answers: readonly string[] },
): Promise<RootChange> {
  const request = await readFileBounded(files.request, { max: MAX_CEREMONY_BYTES });
  const answers = await Promise.all(files.answers.map((path) => readFileBounded(path, { max: MAX_CEREMONY_BYTES })));
  const bytes = assemble(request, answers);
  await publishRoot(workspace, bytes);
  return { status: 'published', version: rootRoles(bytes).version, fingerprint: fingerprint(bytes) };
}

async function openSigners({ keys, passphrase, token }: SignRequestOptions): Promise<readonly Signer[]> {
  const tokens = token ? [commandSigner(publicKeyFromPEM(token.publicPEM), runSigner(token))] : [];
  if (keys === undefined) return tokens;
  const ask = passphrase && once((question) => passphrase({ ...question, what: keys }));
  const signers: Signer[] = [...tokens];
  const paths = await keyPaths(keys);
  for (const path of paths) {
    const pem = await findKey(path, ask);
    if (pem !== undefined) signers.push(pemSigner(pem));
  }
  return signers;
}

/** The root keys' files of a folder, or the one file that is named. */
async function keyPaths(keys: string): Promise<readonly string[]> {
  if (!(await stat(keys)).isDirectory()) return [keys];
  const files = await listKeyFiles(keys);
  return files.filter(({ role }) => role === 'root').map(({ name }) => join(keys, name));
}
