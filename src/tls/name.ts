/** Names of servers: DNS names and IP addresses, in the one form in which they are compared. Pure. */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { TLSError } from './error.ts';

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * A DNS name in lower case, in letters, digits and hyphens (`plänt.example` as `xn--…`), without a dot at its end, perhaps
 * with `*.` in front; or an IP address as RFC 5952 writes it.
 * @throws {TLSError} `TLS_NAME_INVALID`
 */
export function parseServerName(text: string): string {
  const name = findServerName(text);
  if (name !== undefined) return name;
  const got = JSON.stringify(text.slice(0, 100));
  throw new TLSError(`read a name: expected a DNS name or an IP address, got ${got}`, { code: 'TLS_NAME_INVALID' });
}

/** As {@link parseServerName}; `undefined` for what is none. */
export function findServerName(text: string): string | undefined {
  const address = canonicalIP(text);
  if (address !== undefined) return address;
  const [, star = '', rest = ''] = /^(\*\.)?(.*?)\.?$/s.exec(text) ?? [];
  const name = /^[\p{L}\p{M}\p{N}_.-]+$/u.test(rest) ? domainToASCII(rest) : '';
  const labels = name.split('.');
  const isLong = star.length + name.length > 253;
  // what ends in a number is an IP address that is none
  return isLong || !labels.every((label) => LABEL.test(label)) || /^\d+$/.test(labels.at(-1) ?? '')
    ? undefined
    : star + name;
}

/** An IP address in its one form, with or without brackets; `undefined` when it is none. */
export function canonicalIP(text: string): string | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (isIP(bare) === 4) return bare;
  if (isIP(bare) !== 6 || bare.includes('%')) return undefined;
  return new URL(`http://[${bare}]`).hostname.slice(1, -1);
}
