/** Fields that several signed documents have (FORMAT §3, §4), as zod schemas: `release.json`, `site-files.json`, site cards. */
import * as z from 'zod';
import type { Digest } from '../oci/index.ts';
import { isDigest } from '../oci/index.ts';

/** Text that can be shown as it is: one line. */
export const line = z.string().regex(/^[^\p{Cc}]{1,1024}$/u, { error: 'expected text on one line' });

/** `sha256:` and 64 lower-case hex digits. */
export const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'expected a sha256 digest',
});
