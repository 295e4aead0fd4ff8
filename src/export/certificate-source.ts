/**
 * Certificates from the files that the office names, each read once, however many sites it is for. A key stays in memory:
 * in the clear it is written nowhere.
 */
import { resolve } from 'node:path';
import { readFileBounded } from '../content/index.ts';
import { MAX_TLS_BYTES, type Material, readMaterial, readRoots, TLSError } from '../tls/index.ts';
import { type FindRoots, openKnownRoots } from './known-roots.ts';
import type { ExportOptions } from './options.ts';
import { readSourceFile, sourceFile } from './source-file.ts';
import { fillPath, type SourceSite } from './source-place.ts';
import type { PlacedCertificate } from './target-sites.ts';

/** A certificate as it was found; nothing of it is judged. */
export interface FoundCertificate {
  readonly material: Material;
  /** PEM of the authorities that were given with it; empty for none. */
  readonly authorities: readonly string[];
  /** These, and those of the system that it could end at, in PEM. */
  readonly roots: readonly string[];
  /** The path of the chain as it was written. */
  readonly shown: string;
}

/** Reads certificates, each source once. */
export interface CertificateReader {
  /**
   * The certificate of a source, for a site where one is named.
   * @throws {ExportError} `SOURCE_FILE`, `SITE_NEEDED`; {TLSError} `TLS_UNREADABLE`,
   *   `TLS_NO_CERTIFICATE`, `TLS_PASSPHRASE`
   */
  read(source: PlacedCertificate, site?: SourceSite): Promise<FoundCertificate>;
}

/** A source for one site: nothing in it is open any more. */
interface Place extends Pick<PlacedCertificate, 'chain' | 'key' | 'ca' | 'keyPassphraseEnv' | 'folder'> {}

/** A reader for one export. */
export function openCertificates({ env = {} }: Pick<ExportOptions, 'env'>): CertificateReader {
  const rootsOf = openKnownRoots();
  const known = new Map<string, Promise<FoundCertificate>>();
  return {
    async read(source, site) {
      const place = placeOf(source, site);
      const key = JSON.stringify(place);
      const found = known.get(key) ?? find(place, { env, rootsOf });
      known.set(key, found);
      return found;
    },
  };
}

function placeOf({ chain, key, ca, keyPassphraseEnv, folder }: PlacedCertificate, site: SourceSite | undefined): Place {
  const filled = (path: string) => fillPath(path, { site, what: 'certificate' });
  return {
    ...{ folder, chain: filled(chain) },
    ...(key !== undefined && { key: filled(key) }),
    ...(ca !== undefined && { ca: filled(ca) }),
    ...(keyPassphraseEnv !== undefined && { keyPassphraseEnv }),
  };
}

interface FindOptions {
  readonly env: NonNullable<ExportOptions['env']>;
  readonly rootsOf: FindRoots;
}

async function find(place: Place, options: FindOptions): Promise<FoundCertificate> {
  try {
    return await findAs(place, options);
  } catch (error) {
    throw atOffice(error);
  }
}

async function findAs(place: Place, { env, rootsOf }: FindOptions): Promise<FoundCertificate> {
  const { folder, chain, key, ca, keyPassphraseEnv } = place;
  const material = await readMaterial({
    cert: await readFrom(folder, chain, 'certificate'),
    certWhat: chain,
    ...(key !== undefined && { key: await readFrom(folder, key, 'key'), keyWhat: key }),
    ...(keyPassphraseEnv !== undefined && { passphrase: passphraseOf(keyPassphraseEnv, env) }),
  });
  const authorities = ca === undefined ? [] : await readRoots(await readFrom(folder, ca, 'authority'), ca);
  return { material, authorities, roots: [...authorities, ...rootsOf(material.chain)], shown: chain };
}

function passphraseOf(variable: string, env: NonNullable<ExportOptions['env']>): string {
  const passphrase = env[variable];
  if (passphrase) return passphrase;
  throw new TLSError(`read key: expected its passphrase in ${variable}, got no such variable`, {
    code: 'TLS_PASSPHRASE',
    facts: { variable },
    hint: `set ${variable} to the passphrase`,
  });
}

const HINTS: Readonly<Record<string, string>> = {
  TLS_PASSPHRASE: 'name the environment variable that holds it with `keyPassphraseEnv:`, beside `chain:`',
  TLS_ROOT_UNKNOWN: 'name its own certificate with `ca:`, beside `chain:`, if you know that it is theirs',
  TLS_NAME_MISSING: 'have a certificate made for all names, or correct `tls.names` in the release manifest',
};

/** The same fault with what to do about it here: there is no option for it, but a key in the manifest or the fleet. */
export function atOffice(error: unknown): unknown {
  if (!(error instanceof TLSError)) return error;
  const { message, code, facts } = error;
  const hint = error.hint?.replaceAll('--ca FILE', '`ca: FILE` beside `chain:`') ?? HINTS[code];
  const errors = error.errors.map((one) => atOffice(one) as TLSError);
  return new TLSError(message, { code, facts, errors, ...(hint !== undefined && { hint }) });
}

async function readFrom(folder: string, from: string, what: string): Promise<Uint8Array> {
  const path = resolve(folder, from);
  return readSourceFile(path, { from, what }, async ({ size }) => {
    if (size > MAX_TLS_BYTES) throw sourceFile({ from, what }, `expected at most ${MAX_TLS_BYTES} bytes, got ${size}`);
    return readFileBounded(path, { max: MAX_TLS_BYTES });
  });
}
