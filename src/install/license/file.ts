/** The file that somebody names as a licence: read whole with a bound, and opened where it is sealed for this site. */

import { createReadStream } from 'node:fs';
import { ContentError, readBounded } from '../../content/index.ts';
import { licenseTooLarge, MAX_LICENSE_BYTES } from '../../license/index.ts';
import { isSealed, MAX_SEAL_BYTES, openSealed, SealError } from '../../seal/index.ts';
import type { SiteIdentity } from '../../site/index.ts';

/**
 * The licence in the clear. In memory alone: it is written nowhere but at its place.
 * @throws {LicenseError} `LICENSE_TOO_LARGE`; {SealError} `NOT_FOR_US`, `SEAL_INVALID`; and what the file system says
 */
export async function readLicenseFile(
  path: string,
  identity: Pick<SiteIdentity, 'age'> | undefined,
): Promise<Uint8Array> {
  const bytes = await read(path);
  if (!isSealed(bytes)) return bytes;
  if (identity?.age !== undefined) return openSealed(bytes, identity.age.identity);
  throw new SealError(
    `open ${path}: expected a licence in the clear on a site without a key to open it, got a sealed one`,
    {
      code: 'NOT_FOR_US',
    },
  );
}

/** As a stream: what a shell gives for `<(…)` is a pipe. */
async function read(path: string): Promise<Buffer> {
  try {
    return await readBounded(createReadStream(path), { max: MAX_LICENSE_BYTES + MAX_SEAL_BYTES, what: path });
  } catch (error) {
    // a read knows no path, and "EISDIR" alone helps nobody
    if (error instanceof Error && 'errno' in error) throw Object.assign(error, { path });
    throw error instanceof ContentError && error.code === 'TOO_LARGE' ? licenseTooLarge(path) : error;
  }
}
