/**
 * Credential helpers: `docker-credential-<name> get`, the server's name on stdin, JSON on stdout
 * (github.com/docker/docker-credential-helpers). What a helper prints is never repeated: it may be the secret.
 */
import { execFile } from 'node:child_process';
import { isErrno } from '../content/index.ts';
import type { Environment } from '../http/index.ts';
import type { Credentials } from './credential.ts';
import { RegistryError } from './error.ts';

/** The user name with which a helper says that its secret is an identity token. */
const IDENTITY_USER = '<token>';
const NOT_FOUND = /credentials not found in native keychain/;
const MAX_OUTPUT_BYTES = 256 * 1024;
/** A helper may ask a person to unlock a key ring. */
const PATIENCE_MS = 120_000;

export interface AskOptions {
  /** As Docker's configuration names it. */
  readonly server: string;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What the helper has for a server, or `undefined` when it has nothing.
 *
 * @throws {RegistryError} `CREDENTIALS_INVALID` when the program is not there, fails or prints something else
 */
export async function askHelper(name: string, { server, env, signal }: AskOptions): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const unusable = (got: string) =>
    new RegistryError(`ask ${program} for ${server}: expected credentials, got ${got}`, {
      code: 'CREDENTIALS_INVALID',
    });
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw unusable('a name that is no program');
  const { error, stdout } = await run(program, { server, env, signal });
  signal?.throwIfAborted();
  if (error && NOT_FOUND.test(stdout)) return undefined;
  if (isErrno(error, 'ENOENT')) throw unusable('no such program on the PATH');
  if (error) throw unusable(`a failure (status ${String(error.code ?? error.signal)})`);
  const { username, secret } = readAnswer(stdout);
  if (username === undefined || secret === undefined) throw unusable('something else');
  if (secret === '') return undefined;
  const source = `${program} (${server})`;
  if (username === IDENTITY_USER) return { kind: 'identity', token: secret, source };
  return { kind: 'password', username, password: secret, source };
}

type Ended = { readonly error: import('node:child_process').ExecFileException | null; readonly stdout: string };

function run(program: string, { server, env, signal }: AskOptions): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env, maxBuffer: MAX_OUTPUT_BYTES, timeout: PATIENCE_MS, ...(signal ? { signal } : {}) };
    const child = execFile(program, ['get'], options, (error, stdout) => resolve({ error, stdout }));
    // A helper that ends without reading its input is judged by its status.
    child.stdin?.on('error', () => {});
    child.stdin?.end(server);
  });
}

function readAnswer(stdout: string): { username?: string; secret?: string } {
  try {
    const { Username, Secret } = JSON.parse(stdout) as Record<string, unknown>;
    return typeof Username === 'string' && typeof Secret === 'string' ? { username: Username, secret: Secret } : {};
  } catch {
    return {};
  }
}
