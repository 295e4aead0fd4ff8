/** What a failed call means: the system's, OpenSSL's and the engine's words sorted into our codes. */
import { isErrno } from '../content/index.ts';
import { DockerError, quoteEngine } from './error.ts';

/** The call that failed. */
export interface FailedCall {
  /** The engine's address, for people. */
  readonly where: string;
  /** Method and path. */
  readonly what: string;
  /** The caller's own wish to stop: its reason is then what is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Turns whatever a call threw into what is thrown on: a {@link DockerError}, or the reason of the caller's signal. */
export function asDockerError(error: unknown, { where, what, signal }: FailedCall): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof DockerError) return error;
  const status = statusOf(error);
  if (status !== undefined) return refused(error, status, { where, what });
  const got = error instanceof Error ? error.message : String(error);
  const say = (code: 'ENGINE_NOT_RUNNING' | 'ENGINE_DENIED' | 'ENGINE_TLS' | 'ENGINE_UNREACHABLE' | 'ENGINE_STALLED') =>
    new DockerError(`ask engine at ${where}: ${what}: expected an answer, got ${quoteEngine(got)}`, {
      code,
      cause: error,
      facts: { engine: where },
    });
  if (isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ENOTSOCK')) return say('ENGINE_NOT_RUNNING');
  if (isErrno(error, 'EACCES', 'EPERM')) return say('ENGINE_DENIED');
  if (isTLSFailure(error)) return say('ENGINE_TLS');
  return say(
    error instanceof Error && /^(Abort|Timeout)Error$/.test(error.name) ? 'ENGINE_STALLED' : 'ENGINE_UNREACHABLE',
  );
}

/** The engine's own words of refusal, sorted: a full disk is something else than a bad image. */
export function codeOfWords(words: string): 'ENGINE_NO_SPACE' | undefined {
  return /no space left on device|disk quota exceeded/i.test(words) ? 'ENGINE_NO_SPACE' : undefined;
}

/** The words in an error of docker-modem, without the frame that it puts around them. */
export function engineWords(error: unknown): string {
  const json = (error as { json?: unknown }).json;
  const said = typeof json === 'object' && json !== null ? (json as { message?: unknown }).message : undefined;
  if (typeof said === 'string') return said;
  return (error instanceof Error ? error.message : String(error)).replace(/^\(HTTP code \d+\) .*? - /, '');
}

function refused(error: unknown, status: number, { where, what }: FailedCall): DockerError {
  const words = engineWords(error);
  const denied = status === 401 || status === 403 ? 'ENGINE_DENIED' : undefined;
  const plain = /HTTP request to an HTTPS server/.test(words) ? 'ENGINE_TLS' : undefined;
  return new DockerError(`ask engine at ${where}: ${what}: expected success, got ${status} ${quoteEngine(words)}`, {
    code: denied ?? plain ?? codeOfWords(words) ?? 'ENGINE_FAILED',
    cause: error,
    facts: { engine: where, status, words },
  });
}

function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** Names of node:tls and OpenSSL: `ERR_TLS_CERT_ALTNAME_INVALID`, `UNABLE_TO_VERIFY_LEAF_SIGNATURE`, `EPROTO`, … */
function isTLSFailure(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(ERR_(TLS|SSL|OSSL)_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO$|HOSTNAME_MISMATCH)/.test(code);
}
