/** Whether a certificate is for a name, as browsers see it: by its subject alternative names, never by its common name (RFC 9525). Pure. */
import type { X509Certificate } from 'node:crypto';
import { namesOf } from './facts.ts';
import { canonicalIP, findServerName } from './name.ts';

/** @param name a DNS name, `*.` and a DNS name (only the same one covers it), or an IP address */
export function coversName(certificate: X509Certificate, name: string): boolean {
  // a name of the one in use may be one that nobody can ask for (`a*.example.com`): only the same will do
  const wanted = findServerName(name) ?? name.toLowerCase();
  const names = namesOf(certificate);
  if (names.includes(wanted)) return true;
  if (canonicalIP(wanted) !== undefined || wanted.startsWith('*.')) return false;
  // RFC 9525 §6.3: a star stands for one whole label, the first; not for that of a top-level domain
  const [, ...above] = wanted.split('.');
  return above.length > 1 && names.includes(`*.${above.join('.')}`);
}
