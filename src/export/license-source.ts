/**
 * Licences from where they come: a file, or a server by HTTPS. Each distinct one is read once, however many sites it is
 * for. The bytes stay in memory: in the clear they are written nowhere but into a bundle without a site.
 */

import { resolve } from 'node:path';
import { readFileBounded } from '../content/index.ts';
import { type HTTPClient, openHTTP, shownURL } from '../http/index.ts';
import type { License } from '../license/index.ts';
import { fetchLicense, LicenseError, licenseTooLarge, MAX_LICENSE_BYTES, readLicense } from '../license/index.ts';
import { ExportError } from './error.ts';
import type { ExportOptions } from './options.ts';
import { readSourceFile } from './source-file.ts';
import { fillAddress, fillPath, type SourceSite } from './source-place.ts';
import type { PlacedSource } from './target-sites.ts';

/** A licence, and where it was found. */
export interface FoundLicense {
  readonly bytes: Uint8Array;
  readonly license: License;
  /** A path as it was written, or a URL without its query. */
  readonly shown: string;
}

/** Reads licences, each source once. */
export interface LicenseReader {
  /**
   * The licence of a source, for a site where one is named.
   * @throws {ExportError} `SOURCE_FILE`, `TOKEN_MISSING`, `SITE_NEEDED`; {LicenseError}; {HTTPError}; the signal's reason
   */
  read(source: PlacedSource, site?: SourceSite): Promise<FoundLicense>;
  /** Ends its connections. */
  close(): Promise<void>;
}

export type LicenseReaderOptions = Pick<ExportOptions, 'env' | 'signal' | 'progress' | 'caPEM' | 'plainHTTP'> & {
  /** With which licences are signed. */
  readonly publicKey?: string | undefined;
};

/** A reader for one export; whoever opens it closes it. */
export function openLicenses(options: LicenseReaderOptions): LicenseReader {
  // one for all: each client loads whom it trusts anew, which takes longer than a licence
  let client: HTTPClient | undefined;
  const connect = () => {
    client ??= openClient(options);
    return client;
  };
  const known = new Map<string, Promise<FoundLicense>>();
  return {
    async read(source, site) {
      const place = placeOf(source, site, options.env ?? {});
      const key = JSON.stringify(place);
      const found = known.get(key) ?? find(place, { ...options, connect });
      known.set(key, found);
      return found;
    },
    close: async () => client?.close(),
  };
}

function openClient({ env = {}, caPEM, signal }: LicenseReaderOptions): HTTPClient {
  return openHTTP({ env, ...(caPEM !== undefined && { caPEM }), ...(signal && { signal }) });
}

type FindOptions = LicenseReaderOptions & { readonly connect: () => HTTPClient };

/** A source for one site: nothing in it is open any more. */
type Place =
  | { readonly path: string; readonly shown: string }
  | { readonly url: string; readonly token?: string; readonly tokenEnv?: string; readonly shown: string };

function placeOf(
  { from, url = '', tokenEnv, folder }: PlacedSource,
  site: SourceSite | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Place {
  if (from !== undefined) {
    const path = fillPath(from, { site, what: 'licence' });
    return { path: resolve(folder, path), shown: path };
  }
  if (/^[a-z]+:\/\/[^/?#]*\{/i.test(url)) throw choosesServer(url);
  const address = fillAddress(url, { site, what: 'licence' });
  if (!URL.canParse(address)) throw noURL(address);
  const shown = shownURL(new URL(address));
  if (tokenEnv === undefined) return { url: address, shown };
  const token = env[tokenEnv]?.trim();
  if (token) return { url: address, shown, token, tokenEnv };
  throw new ExportError(`read licence: expected its token in ${tokenEnv}, got no such variable`, {
    code: 'TOKEN_MISSING',
    facts: { variable: tokenEnv },
    hint: `set ${tokenEnv} to the token`,
  });
}

/** A site names itself: in the place of a host it would say who gets the office's token. */
function choosesServer(url: string): LicenseError {
  return new LicenseError(`read licence: expected {site} and {name} behind the host, got ${url.split('?')[0]}`, {
    code: 'LICENSE_URL_INVALID',
  });
}

function noURL(address: string): LicenseError {
  return new LicenseError(`read licence: expected an address, got ${JSON.stringify(address.split('?')[0])}`, {
    code: 'LICENSE_URL_INVALID',
  });
}

async function find(place: Place, options: FindOptions): Promise<FoundLicense> {
  const bytes = 'path' in place ? await readFrom(place) : await fetchFrom(place, options);
  const { publicKey } = options;
  const license = await readLicense(bytes, { publicKey, what: place.shown });
  return { bytes, license, shown: place.shown };
}

async function fetchFrom(
  { url, token, tokenEnv }: Extract<Place, { url: string }>,
  { signal, progress, plainHTTP, connect }: FindOptions,
): Promise<Uint8Array> {
  const onRetry = (why: string) => progress?.note(why);
  return fetchLicense({ url, token, tokenEnv, signal, plainHTTP, onRetry, client: connect() });
}

async function readFrom({ path, shown }: Extract<Place, { path: string }>): Promise<Uint8Array> {
  return readSourceFile(path, { from: shown, what: 'licence' }, async ({ size }) => {
    if (size > MAX_LICENSE_BYTES) throw licenseTooLarge(shown);
    return readFileBounded(path, { max: MAX_LICENSE_BYTES });
  });
}
