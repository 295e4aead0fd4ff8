/** Where something listens, as people write it: `127.0.0.1:443`, `atrium.plant.local:8443`, `[::1]:443`. */
import { isIPv6 } from 'node:net';

export interface HostPort {
  /** A name or an address; of IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})$/;

/** Reads `host:port`; `undefined` where a text is none. */
export function findHostPort(text: string): HostPort | undefined {
  const [, inner, plain, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = inner ?? plain ?? '';
  const isHost = inner === undefined ? NAME.test(host) : isIPv6(host);
  return isHost && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** The same as text again. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
