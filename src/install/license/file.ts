/** The file that somebody names as a licence: read whole with a bound, and opened where it is sealed for this site. */

import { licenseTooLarge, MAX_LICENSE_BYTES } from '../../license/index.ts';
import { isSealed, MAX_SEAL_BYTES, openSealed, SealError } from '../../seal/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import { readNamedFile } from '../files/named-file.ts';

/**
 * The licence in the clear. In memory alone: it is written nowhere but at its place.
 * @throws {LicenseError} `LICENSE_TOO_LARGE`; {SealError} `NOT_FOR_US`, `SEAL_INVALID`; and what the file system says
 */
export async function readLicenseFile(
  path: string,
  identity: Pick<SiteIdentity, 'age'> | undefined,
): Promise<Uint8Array> {
  const bytes = await readNamedFile(path, {
    max: MAX_LICENSE_BYTES + MAX_SEAL_BYTES,
    tooLarge: licenseTooLarge,
  });
  if (!isSealed(bytes)) return bytes;
  if (identity?.age !== undefined) return openSealed(bytes, identity.age.identity);
  throw new SealError(
    `open ${path}: expected a licence in the clear on a site without a key to open it, got a sealed one`,
    {
      code: 'NOT_FOR_US',
    },
  );
}
