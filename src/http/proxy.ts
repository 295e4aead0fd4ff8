/**
 * Which proxy stands before an address: HTTPS_PROXY, HTTP_PROXY and NO_PROXY in either case, read as Go does
 * (golang.org/x/net/http/httpproxy), so that Ferry goes the way Docker goes. This host itself is never proxied.
 */
import { BlockList, isIP } from 'node:net';
import { isLoopback } from './address.ts';
import { HTTPError } from './error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for an address, or `undefined` where there is none.
 *
 * @throws {HTTPError} `PROXY_REFUSED` for a proxy that is no http or https address
 */
export function findProxy(url: URL, env: Environment): URL | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = either(env, name);
  if (text === '' || isLoopback(url.hostname)) return undefined;
  if (isExempt(url, either(env, 'NO_PROXY'))) return undefined;
  return parseProxy(name, text);
}

/** Whether NO_PROXY's list names the address: `*`, an IP, a CIDR, `name` and below, `.name` only below, each with or without a port. */
export function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .filter((item) => item !== '')
    .some((item) => item === '*' || isNamed(item, host, port));
}

function isNamed(item: string, host: string, port: string): boolean {
  if (item.includes('/')) return isInNetwork(item, host);
  const { name, only } = splitPort(item);
  if (only !== undefined && only !== port) return false;
  if (isIP(name)) return name === host;
  const suffix = name.replace(/^\*?\.?/, '');
  return host.endsWith(`.${suffix}`) || (host === suffix && name === suffix);
}

function splitPort(item: string): { name: string; only: string | undefined } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(item);
  if (bracketed) return { name: bracketed[1] ?? '', only: bracketed[2] };
  const [, name, only] = isIP(item) ? [item, item, undefined] : (/^([^:]*)(?::(\d+))?$/.exec(item) ?? []);
  return { name: name ?? item, only };
}

function isInNetwork(item: string, host: string): boolean {
  const [address = '', bits = ''] = item.split('/');
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d+$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
    return false;
  }
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const network = new BlockList();
  network.addSubnet(address, Number(bits), type);
  return network.check(host, type);
}

/** A proxy without a scheme is an http one, as everywhere. Its text may hold a password, so no error repeats it. */
function parseProxy(name: string, text: string): URL {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new HTTPError(`read ${name}: expected http://host:port or https://host:port, got something else`, {
    code: 'PROXY_REFUSED',
  });
}

function either(env: Environment, name: string): string {
  return env[name] || env[name.toLowerCase()] || '';
}
