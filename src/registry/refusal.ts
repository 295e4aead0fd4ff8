/**
 * What a registry's (or token server's, or blob store's) refusal means: the status and the codes of its error document
 * (distribution-spec v1.1 "Error Codes") become one line, a code, and whether and when to try again. Its text is not
 * repeated: it is the server's, and may hold what we sent.
 */
import { type Failure, findRetryAfterMs, type HTTPResponse, isPassingStatus } from '../http/index.ts';
import type { Credentials } from './credential.ts';
import { type RegistryCode, RegistryError } from './error.ts';

export interface RefusalContext {
  /** As the line begins: `resolve ghcr.io/atrium/server:2.1.0`. */
  readonly doing: string;
  /** The registry's host. */
  readonly host: string;
  /** With what we asked. */
  readonly credentials: Credentials | undefined;
  /** What a 404 means. @default 'REGISTRY_ANSWER' */
  readonly missing?: 'IMAGE_NOT_FOUND' | 'BLOB_NOT_FOUND';
  /** The longest wait that would be granted. */
  readonly maxWaitMs: number;
  readonly now: () => number;
}

/** A failure to wait for, or to throw: `limit` 0 where another try is of no use. */
export async function refusalOf(response: HTTPResponse, context: RefusalContext): Promise<Failure> {
  const { status } = response;
  const { codes, message } = readErrors(await beginningOf(response));
  const askedMs = findRetryAfterMs({ header: response.header('retry-after'), message }, context.now());
  const said = codes.length === 0 ? `status ${status}` : `status ${status}, ${codes.join(', ')}`;
  const from = response.url.host;
  const fail = (code: RegistryCode, words: string, hint?: string) =>
    new RegistryError(`${context.doing}: ${words}`, {
      code,
      facts: { host: from, status, ...(askedMs === undefined ? {} : { retryAfterMs: askedMs }) },
      ...(hint === undefined ? {} : { hint }),
    });
  if (status === 429 || codes.includes('TOOMANYREQUESTS')) {
    const wait = askedMs !== undefined && askedMs > context.maxWaitMs;
    const words = wait ? `${from} asks to wait ${Math.ceil(askedMs / 1000)} s` : `${from} limits the rate of requests`;
    return { error: fail('RATE_LIMITED', `${words} (${said})`), askedMs };
  }
  if (isPassingStatus(status)) return { error: fail('REGISTRY_FAILED', `${from} failed (${said})`), askedMs };
  if (status === 401 || status === 403 || codes.includes('DENIED') || codes.includes('UNAUTHORIZED')) {
    return { error: fail('DENIED', `${from} denied access (${said})`, deniedHint(context)), limit: 0 };
  }
  if (status === 404 && context.missing)
    return { error: fail(context.missing, missingWords(context, codes, said)), limit: 0 };
  return { error: fail('REGISTRY_ANSWER', `expected status 200 from ${from}, got ${said}`), limit: 0 };
}

function missingWords({ missing, host }: RefusalContext, codes: readonly string[], said: string): string {
  if (missing === 'BLOB_NOT_FOUND') return `${host} does not have it (${said})`;
  return codes.includes('NAME_UNKNOWN')
    ? `${host} has no such repository (${said})`
    : `${host} has no such image or tag (${said})`;
}

function deniedHint({ host, credentials }: RefusalContext): string {
  if (credentials)
    return `the credentials came from ${credentials.source}; do they grant reading this image, and is its name right?`;
  const token = host === 'ghcr.io' ? ', or set GHCR_TOKEN to a classic token with read:packages' : '';
  return `no credentials were found for ${host}: run docker login ${host}${token}; or the name is wrong`;
}

async function beginningOf(response: HTTPResponse): Promise<string> {
  try {
    return (await response.beginning()).toString('utf8');
  } catch (error) {
    // The status is the answer; a body that is cut off takes nothing from it. An abort is no HTTPError and passes.
    if (error instanceof Error && error.name === 'HTTPError') return '';
    throw error;
  }
}

function readErrors(text: string): { codes: string[]; message: string } {
  const errors = listOfErrors(text).filter((each) => typeof each === 'object' && each !== null);
  const fields = errors as { code?: unknown; message?: unknown }[];
  const codes = fields
    .map(({ code }) => code)
    .filter((code) => typeof code === 'string' && /^[A-Z_]{2,40}$/.test(code));
  const messages = fields.map(({ message }) => message).filter((message) => typeof message === 'string');
  return { codes: [...new Set(codes as string[])].slice(0, 3), message: messages.join(' ').slice(0, 1000) };
}

function listOfErrors(text: string): unknown[] {
  try {
    const { errors } = (JSON.parse(text) ?? {}) as { errors?: unknown };
    return Array.isArray(errors) ? errors.slice(0, 10) : [];
  } catch {
    return [{ message: text.slice(0, 1000) }];
  }
}
