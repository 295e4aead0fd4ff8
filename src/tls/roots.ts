/** The authorities that this machine trusts. */
import { getCACertificates } from 'node:tls';

let roots: readonly string[] | undefined;

/** PEM of each: the system's, and those that Node.js brings (and NODE_EXTRA_CA_CERTS). Read once. */
export function systemRoots(): readonly string[] {
  roots ??= [...new Set([...getCACertificates('system'), ...getCACertificates('default')])];
  return roots;
}
