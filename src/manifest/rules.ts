/**
 * The rules of a release manifest that span fields: names used once, destinations that a site grants (FORMAT §3), one
 * way to get a licence, one way to reload. Checked at the office, so that an export never makes what a site must refuse.
 */
import { formatPlatform } from '../oci/index.ts';
import { destinationProblem, productFolders } from './destination.ts';
import { FILE_NAME } from './names.ts';
import type { CertificateSource, ReleaseManifest } from './release-manifest.ts';
import type { YamlSource } from './yaml.ts';

type Path = readonly PropertyKey[];

/** What certificates are called among the files of a site; sealed, with `.age` behind it. */
export const CHAIN_NAME = 'chain.pem';
export const CERTIFICATE_NAME = 'certificate.pem';

/** The name that a file has when none is given: the last part of its path. */
export function lastPart(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? '';
}

/** The name under which an executable of ferry travels. */
export function ferryFileName(entry: { readonly name?: string | undefined; readonly from: string }): string {
  return entry.name ?? lastPart(entry.from);
}

/** @throws {ManifestError} `MANIFEST_VALUE` or `DESTINATION_REFUSED`, at the first rule that is broken. */
export function checkRules(manifest: ReleaseManifest, yaml: YamlSource): void {
  checkUnique(yaml, 'platforms', manifest.platforms.map(formatPlatform));
  checkUnique(
    yaml,
    'images',
    manifest.images.map(({ name }) => name),
  );
  checkUnique(
    yaml,
    'ferry',
    manifest.ferry.map(({ platform }) => formatPlatform(platform)),
  );
  checkFileNames(manifest, yaml);
  checkDestinations(manifest, yaml);
  checkLicense(manifest, yaml);
  checkCertificateSource(yaml, ['tls'], manifest.tls);
  checkReload(manifest, yaml);
  const { compose } = manifest;
  if (compose !== undefined && !manifest.files.some(({ name }) => name === compose.file)) {
    throw yaml.error(['compose', 'file'], `expected the name of one of files, got ${compose.file}`);
  }
}

/** What stands beside a chain says nothing without one. */
export function checkCertificateSource(
  yaml: YamlSource,
  path: Path,
  source: { readonly [Key in keyof CertificateSource]?: string | undefined } | undefined,
): void {
  if (source === undefined || source.chain !== undefined) return;
  const alone = (['key', 'ca', 'keyPassphraseEnv'] as const).find((key) => source[key] !== undefined);
  if (alone !== undefined) throw yaml.error([...path, alone], 'expected a chain with it');
}

function checkUnique(yaml: YamlSource, key: string, names: readonly string[]): void {
  const twice = names.findIndex((name, at) => names.indexOf(name) < at);
  if (twice >= 0) throw yaml.error([key, twice], `expected each once, got ${names[twice]} a second time`);
}

/** Site files share no folder with the release's, but one name in both would puzzle whoever lists the tar. */
function checkFileNames(manifest: ReleaseManifest, yaml: YamlSource): void {
  const named: { readonly name: string; readonly path: Path }[] = [
    ...manifest.files.map(({ name }, at) => ({ name, path: ['files', at] })),
    ...manifest.ferry.map(({ name }, at) => ({ name, path: ['ferry', at] })),
    ...(manifest.license ? [{ name: manifest.license.name, path: ['license'] }] : []),
  ];
  const seen = new Set<string>();
  for (const { name, path } of named) {
    if (!FILE_NAME.test(name))
      throw yaml.error(path, `expected a name as in FORMAT §1, got ${name}; give one with name:`);
    if (seen.has(name))
      throw yaml.error(path, `expected each name once, got ${name} a second time; give another with name:`);
    seen.add(name);
  }
}

function checkDestinations(manifest: ReleaseManifest, yaml: YamlSource): void {
  const folders = productFolders(manifest.product);
  const wanted: { readonly destination: string; readonly path: Path }[] = [
    ...manifest.files.flatMap(({ install }, at) =>
      install === undefined ? [] : [{ destination: install, path: ['files', at, 'install'] }],
    ),
    ...(manifest.license ? [{ destination: manifest.license.install, path: ['license', 'install'] }] : []),
    ...(manifest.tls ? [{ destination: manifest.tls.dir, path: ['tls', 'dir'] }] : []),
  ];
  for (const [at, { destination, path }] of wanted.entries()) {
    const problem = destinationProblem(destination, folders);
    if (problem !== undefined)
      throw yaml.error(path, `${problem}, got ${destination}`, { code: 'DESTINATION_REFUSED' });
    const other = wanted.slice(0, at).find((earlier) => overlap(earlier.destination, destination));
    if (other === undefined) continue;
    throw yaml.error(path, `expected a place of its own, got ${destination} beside ${other.destination}`, {
      code: 'DESTINATION_REFUSED',
    });
  }
}

function overlap(one: string, two: string): boolean {
  return one === two || one.startsWith(`${two}/`) || two.startsWith(`${one}/`);
}

function checkLicense({ license, tls }: ReleaseManifest, yaml: YamlSource): void {
  if (license === undefined) return;
  if (tls && [CHAIN_NAME, CERTIFICATE_NAME].includes(license.name)) {
    throw yaml.error(['license'], `expected a name that no certificate has, got ${license.name}; give one with name:`);
  }
  if ((license.from === undefined) === (license.url === undefined)) {
    throw yaml.error(['license'], 'expected one of from and url');
  }
  if (license.tokenEnv !== undefined && license.url === undefined) {
    throw yaml.error(['license', 'tokenEnv'], 'expected a url with it');
  }
}

function checkReload({ tls }: ReleaseManifest, yaml: YamlSource): void {
  const reload = tls?.reload;
  if (reload === undefined) return;
  const path = ['tls', 'reload'];
  if ((reload.service === undefined) === (reload.container === undefined)) {
    throw yaml.error(path, 'expected one of service and container');
  }
  if ((reload.signal === undefined) === (reload.restart === undefined)) {
    throw yaml.error(path, 'expected one of signal and restart');
  }
}
