/**
 * The certificates of the sites of an export, read and judged, each for its site: for the names of the release, for a key
 * that the site has, by the clock. As much as can be known here is found here, before anybody carries it.
 */
import type { FerryError } from '../errors.ts';
import type { ManifestTLS } from '../manifest/index.ts';
import { type JudgedCertificate, judgeCertificate, readRequest, TLSError } from '../tls/index.ts';
import { atOffice, type FoundCertificate, openCertificates } from './certificate-source.ts';
import { ExportError } from './error.ts';
import type { ExportOptions } from './options.ts';
import { type ReadSites, readForSites } from './site-faults.ts';
import { clockOf } from './site-licenses.ts';
import type { PlacedCertificate, TargetSite } from './target-sites.ts';

/** A certificate that is good for its site. */
export interface SiteCertificate extends FoundCertificate {
  readonly judged: JudgedCertificate;
  /**
   * Whose key it is: one that crosses with it, that of the request, the one in use at the site; or nobody could tell, since
   * the card of the site names none.
   */
  readonly keyOf: 'carried' | 'request' | 'present' | 'unknown';
}

/** Files read and judged at a time: reading waits for the disk, judging for nothing. */
const CONCURRENCY = 6;

/** The certificate of each site that has a source, and what is wrong with some. @throws the signal's reason */
export async function readSiteCertificates(
  tls: Pick<ManifestTLS, 'names'> | undefined,
  targets: readonly TargetSite[],
  options: ExportOptions,
): Promise<ReadSites<SiteCertificate>> {
  const reader = openCertificates(options);
  const given = { what: 'certificate', concurrency: CONCURRENCY, isFault, signal: options.signal } as const;
  return readForSites(targets, given, async (target) => {
    const { tls: source, certificate: present } = target;
    if (source === undefined) return undefined;
    const found = await reader.read(source, target);
    const current = present && { names: present.names, notAfter: new Date(present.notAfter) };
    const judged = judge(found, { names: namesFor(tls, source), current, options });
    return { ...found, judged, keyOf: await keyOf(found, judged, target) };
  });
}

/** The certificate for whoever imports the bundle. @throws {TLSError}; {ExportError} `TLS_KEY_UNSEALED`, `SITE_NEEDED` */
export async function readCertificateForAny(
  tls: Pick<ManifestTLS, 'names'>,
  source: PlacedCertificate,
  options: ExportOptions,
): Promise<SiteCertificate> {
  const found = await openCertificates(options).read(source);
  if (source.key !== undefined || found.material.keyPEM !== undefined) {
    throw new ExportError(`carry ${found.shown}: expected a site that its private key is sealed for, got none`, {
      code: 'TLS_KEY_UNSEALED',
      hint: 'name the site with --site CARD or --fleet FILE: a key crosses only sealed',
    });
  }
  return { ...found, judged: judge(found, { names: namesFor(tls, source), options }), keyOf: 'unknown' };
}

function namesFor(tls: Pick<ManifestTLS, 'names'> | undefined, { names }: PlacedCertificate): readonly string[] {
  return [...new Set([...(tls?.names ?? []), ...names])];
}

interface JudgeOptions {
  readonly names: readonly string[];
  /** In use at the site, as its card says. */
  readonly current?: { readonly names: readonly string[]; readonly notAfter: Date } | undefined;
  readonly options: ExportOptions;
}

/** What only the site may decide, whether less than the one in use will do, is told and not refused. */
function judge({ material, roots, shown }: FoundCertificate, { names, current, options }: JudgeOptions) {
  try {
    return judgeCertificate(material, {
      ...{ names, current, allowShorter: true, allowFewerNames: true },
      roots,
      now: clockOf(options),
      what: shown,
    });
  } catch (error) {
    throw atOffice(error);
  }
}

/**
 * Whose key a certificate is for; what a card says is signed by its site.
 * @throws {ExportError} `TLS_OTHER_KEY`; {TLSError} `TLS_UNREADABLE`
 */
async function keyOf(
  { material, shown }: FoundCertificate,
  { spki }: JudgedCertificate,
  { csr, certificate: present }: TargetSite,
): Promise<SiteCertificate['keyOf']> {
  if (material.keyPEM !== undefined) return 'carried';
  const request = csr === undefined ? undefined : await readRequest(Buffer.from(csr, 'base64'), 'the request');
  if (request?.spki === spki) return 'request';
  if (present?.spki === spki) return 'present';
  const expected = request?.spki ?? present?.spki;
  if (expected === undefined) return 'unknown';
  const whose = request ? 'the key of its request' : 'the key in use there';
  throw new ExportError(`check ${shown}: expected a certificate for ${whose}, ${expected}, got one for ${spki}`, {
    code: 'TLS_OTHER_KEY',
    facts: { expected, got: spki },
  });
}

/** With files and what is in them; the signal's reason is none. */
function isFault(error: unknown): error is FerryError {
  return error instanceof TLSError || error instanceof ExportError;
}
