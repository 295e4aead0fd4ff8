/** A licence as it travels (FORMAT §4): sealed for its site, or as it is for whoever imports the bundle. */
import type { ManifestLicense } from '../manifest/index.ts';
import { FILE_NAME, formatTime, ManifestError } from '../manifest/index.ts';
import { digestOf } from '../oci/index.ts';
import type { CarriedFile } from './certificate-file.ts';
import type { FoundLicense } from './license-source.ts';
import type { SealedCache } from './sealed-cache.ts';

/** As it is. */
export function licenseFile(license: ManifestLicense, found: FoundLicense): CarriedFile {
  const { bytes } = found;
  const { name } = license;
  const measured = { digest: digestOf(bytes), size: bytes.length, sealed: false };
  return { file: { ...factsOf(license, found), name, ...measured }, bytes };
}

/** Only the recipient opens it. @throws {ManifestError} `MANIFEST_VALUE` where its name has no room for `.age` */
export async function sealedLicenseFile(
  license: ManifestLicense,
  found: FoundLicense,
  { cache, recipient }: { readonly cache: SealedCache; readonly recipient: string },
): Promise<CarriedFile> {
  const name = `${license.name}.age`;
  if (!FILE_NAME.test(name)) {
    throw new ManifestError(
      `read manifest: license.name: expected at most 69 characters, since .age is added, got ${license.name}`,
      { code: 'MANIFEST_VALUE', hint: 'give a shorter one with name:' },
    );
  }
  const { bytes, digest } = await cache.seal(found.bytes, recipient);
  return { file: { ...factsOf(license, found), name, digest, size: bytes.length, sealed: true }, bytes };
}

function factsOf({ install, mode }: ManifestLicense, { license: { validUntil } }: FoundLicense) {
  return { role: 'license' as const, install, mode, ...(validUntil && { validUntil: formatTime(validUntil) }) };
}
