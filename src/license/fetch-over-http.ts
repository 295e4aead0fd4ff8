/**
 * A licence from the server that issues it: one GET by HTTPS with the token as Bearer (RFC 6750 §2.1), tried again while
 * the trouble may pass, read with a bound. The token goes to that server alone and into no error.
 */
import { ContentError, readBounded } from '../content/index.ts';
import {
  type Failure,
  findRetryAfterMs,
  follow,
  type HTTPClient,
  type HTTPResponse,
  isPassing,
  isPassingStatus,
  openHTTP,
  Retries,
  realTiming,
  shownURL,
} from '../http/index.ts';
import { checkLicenseBytes, licenseIsPage, licenseTooLarge, MAX_LICENSE_BYTES } from './bytes.ts';
import { type LicenseCode, LicenseError } from './error.ts';
import { authorization, type FetchLicenseOptions, readURL } from './request.ts';

/** One undertaking. */
interface Ask extends FetchLicenseOptions {
  readonly at: URL;
  readonly client: HTTPClient;
  readonly again: Retries;
}

/** What a portal may call its page. */
const PAGE = /^(?:text\/html|application\/xhtml\+xml)\b/i;
const ACCEPT = 'application/jwt, application/jose, application/json, text/plain, application/octet-stream, */*;q=0.1';
/** RFC 9110 §15.3: these have the thing itself as their body; 204 and 205 have none. */
const WITH_BODY: ReadonlySet<number> = new Set([200, 201, 203, 204, 205]);

/** As `fetchLicense`, which says all of it. */
export async function fetchOverHTTP(options: FetchLicenseOptions): Promise<Buffer> {
  const at = readURL(options);
  const { env = {}, caPEM, signal, onRetry, retries, timing } = options;
  const headers = { accept: ACCEPT, ...authorization(options) };
  const client = options.client ?? openHTTP({ env, ...(caPEM !== undefined && { caPEM }), ...(signal && { signal }) });
  const again = new Retries(client, {
    signal,
    ...(onRetry && { onRetry }),
    ...(retries !== undefined && { retries }),
    ...(timing && { timing }),
  });
  try {
    return await fetchWhole({ ...options, at, client, again }, headers);
  } finally {
    if (options.client === undefined) await client.close();
  }
}

/** A body that is cut off is asked for again as a whole. */
async function fetchWhole(ask: Ask, headers: Readonly<Record<string, string>>): Promise<Buffer> {
  const { at, client, again, plainHTTP } = ask;
  for (;;) {
    try {
      const request = { headers, signal: ask.signal };
      const options = { staysAtOrigin: true, ...(plainHTTP && { plainHTTP }) };
      const response = await follow(client, { url: at, request }, options);
      if (WITH_BODY.has(response.status)) return await readBody(response);
      await again.wait(await judge(response, ask));
    } catch (error) {
      if (!isPassing(error)) throw error;
      await again.wait({ error });
    }
  }
}

async function readBody(response: HTTPResponse): Promise<Buffer> {
  const from = shownURL(response.url);
  const encoding = response.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') throw answer(from, `plain bytes, got the encoding ${JSON.stringify(encoding)}`);
  if (PAGE.test(response.header('content-type') ?? '')) throw licenseIsPage(from);
  try {
    const bytes = await readBounded(response.body(), { max: MAX_LICENSE_BYTES, what: from });
    checkLicenseBytes(bytes, from);
    return bytes;
  } catch (error) {
    throw error instanceof ContentError && error.code === 'TOO_LARGE' ? licenseTooLarge(from) : error;
  }
}

/** What a refusal means; its text is not repeated, for it may hold what we sent. */
async function judge(response: HTTPResponse, ask: Ask): Promise<Failure> {
  const { status, url } = response;
  const askedMs = findRetryAfterMs({ header: response.header('retry-after') }, (ask.timing ?? realTiming).now());
  await response.discard();
  const doing = `fetch the licence from ${shownURL(url)}`;
  const fail = (code: LicenseCode, words: string, hint?: string) =>
    new LicenseError(`${doing}: ${words}`, {
      code,
      facts: { url: shownURL(url), host: url.host, status },
      ...(hint !== undefined && { hint }),
    });
  if (isPassingStatus(status)) {
    const wait = askedMs !== undefined && askedMs > ask.again.maxWaitMs;
    const words = wait ? `the server asks to wait ${Math.ceil(askedMs / 1000)} s` : 'the server failed';
    return { error: fail('LICENSE_SERVER_FAILED', `${words} (status ${status})`), askedMs };
  }
  if (status === 401 || status === 403) {
    return { error: fail('LICENSE_DENIED', `the server denied access (status ${status})`, deniedHint(ask)), limit: 0 };
  }
  if (status === 404 || status === 410) {
    return { error: fail('LICENSE_NOT_FOUND', `the server has no such licence (status ${status})`), limit: 0 };
  }
  return { error: answer(shownURL(url), `status 200, got ${status}`), limit: 0 };
}

function deniedHint({ token, tokenEnv }: FetchLicenseOptions): string {
  if (tokenEnv === undefined) {
    return 'name the environment variable that holds the token as license.tokenEnv in the manifest, and set it';
  }
  const held = token?.trim() ? `the token of ${tokenEnv} was sent` : `${tokenEnv} holds no token`;
  return `${held}: set ${tokenEnv} to one that may read this licence, and check the address`;
}

function answer(from: string, expectedAndGot: string): LicenseError {
  return new LicenseError(`fetch the licence from ${from}: expected ${expectedAndGot}`, { code: 'LICENSE_ANSWER' });
}
