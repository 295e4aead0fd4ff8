/**
 * `fleet.yaml`: which sites an export serves, and where each one's licence and certificate come from. `{site}` and `{name}`
 * in a source stand for the siteID and the name of the site at hand. Strict, and each fault is named with its line. Pure: whether a
 * site is known, the workspace says.
 */
import * as z from 'zod';
import type { ManifestCode } from './error.ts';
import type { CertificateSource } from './release-manifest.ts';
import { checkCertificateSource } from './rules.ts';
import { certificateFrom, hostNames, licenseFrom, licenseTokenEnv, licenseURL, line } from './schema.ts';
import type { YamlSource } from './yaml.ts';
import { readYaml } from './yaml.ts';

/** Where a licence comes from: exactly one of `from` and `url`. */
export interface LicenseSource {
  /** A path, relative to the file that names it. */
  readonly from?: string;
  readonly url?: string;
  /** The environment variable that holds the token for `url`. */
  readonly tokenEnv?: string;
}

/** A site to serve. */
export interface FleetEntry {
  /** A siteID, or the name of a site. */
  readonly site: string;
  readonly license?: LicenseSource;
  readonly tls?: FleetTLS;
}

/** Where the certificate of one site comes from, and for which names it must be. */
export interface FleetTLS extends Partial<CertificateSource> {
  /** Beside those of the release. */
  readonly names?: readonly string[];
}

/** A fleet.yaml as it was read. */
export interface FleetFile {
  /** For sites that have no source of their own. */
  readonly license?: LicenseSource;
  readonly tls?: CertificateSource;
  readonly sites: readonly FleetEntry[];
  /** `fleet.yaml:7`, the line of a value, for who finds a fault in it later. */
  readonly where: (path: readonly PropertyKey[]) => string;
}

const license = z.strictObject({
  from: licenseFrom.optional(),
  url: licenseURL.optional(),
  tokenEnv: licenseTokenEnv.optional(),
});

const { chain, ...beside } = certificateFrom;
const certificate = z.strictObject({ chain, ...z.object(beside).partial().shape });
const ownCertificate = certificate.partial().extend({
  names: hostNames.optional().describe('For which names it must be, beside those of the release.'),
});

const entry = z.strictObject({
  site: line('a siteID or the name of a site').describe('A site that `ferry fleet list` shows, by its ID or its name.'),
  license: license.optional().describe('Where its licence comes from; the common source when left out.'),
  tls: ownCertificate.optional().describe('Where its certificate comes from; the common source when left out.'),
});

const fleet = z.strictObject({
  license: license
    .optional()
    .describe(
      'The common source: {site} and {name} in it stand for each site. That of the release manifest when left out.',
    ),
  tls: certificate
    .optional()
    .describe(
      'Where certificates come from: {site} and {name} stand for each site. As the release manifest says when left out.',
    ),
  sites: z
    .array(entry, { error: 'expected a list of sites' })
    .min(1, { error: 'expected at least one site' })
    .max(10_000, { error: 'expected at most 10000 sites' }),
});

const CODE: ManifestCode = 'FLEET_INVALID';

/**
 * Reads a fleet.yaml.
 * @throws {ManifestError} `FLEET_INVALID` with `path:line` in the message.
 */
export function parseFleet(text: string, { path }: { readonly path: string }): FleetFile {
  const yaml = readYaml(text, path, { what: 'fleet', code: CODE });
  const parsed = fleet.safeParse(yaml.value);
  if (!parsed.success) throw yaml.schemaError(parsed.error.issues);
  const { sites } = parsed.data;
  checkSource(yaml, ['license'], parsed.data.license);
  for (const [at, { license: own, tls }] of sites.entries()) {
    checkSource(yaml, ['sites', at, 'license'], own);
    checkCertificateSource(yaml, ['sites', at, 'tls'], tls);
  }
  const twice = sites.findIndex(({ site }, at) => sites.findIndex((other) => other.site === site) < at);
  if (twice >= 0)
    throw yaml.error(['sites', twice], `expected each site once, got ${sites[twice]?.site} a second time`);
  return { ...parsed.data, where: (at) => `${path}:${yaml.line(at)}` } as FleetFile;
}

/** The JSON schema of a fleet.yaml, for editors; kept current under manifests/ by a test. */
export function fleetSchema(): Readonly<Record<string, unknown>> {
  return { ...z.toJSONSchema(fleet, { io: 'input' }), title: 'Ferry fleet' };
}

function checkSource(
  yaml: YamlSource,
  path: readonly PropertyKey[],
  source: z.infer<typeof license> | undefined,
): void {
  if (source === undefined) return;
  if ((source.from === undefined) === (source.url === undefined)) {
    throw yaml.error(path, 'expected one of from and url');
  }
  if (source.tokenEnv !== undefined && source.url === undefined) {
    throw yaml.error([...path, 'tokenEnv'], 'expected a url with it');
  }
}
