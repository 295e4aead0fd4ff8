/** What a person may say of how a new certificate is put into use; the same for an import, a rollback and an install. */

import type { HostPort } from '../../manifest/index.ts';

export interface ServingOptions {
  /** A shell's line that tells whoever serves it. @default as `site.yaml` or the release says */
  readonly reload?: string | undefined;
  /** Where it must then be served. @default as `site.yaml` says, or where a container publishes it */
  readonly probe?: HostPort | undefined;
  /** How long that may take. @default 15_000 */
  readonly probeTimeoutMs?: number | undefined;
}
