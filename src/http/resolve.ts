/**
 * Names to addresses, with an end: /etc/hosts, then the name servers by c-ares. Never getaddrinfo: a call of it can't be
 * ended, keeps the process alive for as long as name servers are silent, and takes one of the few threads meanwhile.
 * So names that only another source of nsswitch.conf knows (mDNS, WINS) are not found here.
 */
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { findFileBounded, isErrno } from '../content/index.ts';
import { isLoopback } from './address.ts';
import { HTTPError } from './error.ts';
import { addressesIn, candidatesFor } from './hosts-file.ts';

/** IPv6 and IPv4 addresses, and who said so. */
export interface Resolved {
  readonly addresses: readonly string[];
  readonly source: 'address' | 'hosts' | 'dns';
  /** The name servers that were asked; none unless `source` is `dns`. */
  readonly servers: readonly string[];
}

export interface ResolveOptions {
  /** Ends it with its reason; the one limit in time. */
  readonly signal: AbortSignal;
  /** @default '/etc/hosts' */
  readonly hostsPath?: string;
  /** Where the search list is; the servers are those that c-ares reads. @default '/etc/resolv.conf' */
  readonly resolvPath?: string;
  /** Name servers, `ip` or `ip:port`. @default those of the system */
  readonly servers?: readonly string[];
}

const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** How long the other family is waited for once one has answered (RFC 8305 §3 has 50 ms, for less hurried callers). */
const OTHER_FAMILY_MS = 300;
/** Answers that are no failure of a name server: there is no such name, or it has no such address. */
const ABSENT: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

/** The addresses of a host. @throws {HTTPError} `UNKNOWN_HOST`, `UNREACHABLE` (the name servers); the signal's reason */
export async function resolveHost(host: string, options: ResolveOptions): Promise<Resolved> {
  const name = host.replace(/^\[|\]$/g, '');
  if (isIP(name)) return { addresses: [name], source: 'address', servers: [] };
  if (isLoopback(name)) return { addresses: ['127.0.0.1', '::1'], source: 'hosts', servers: [] };
  const { hostsPath = '/etc/hosts', resolvPath = '/etc/resolv.conf' } = options;
  const known = addressesIn(await textOf(hostsPath), name);
  options.signal.throwIfAborted();
  if (known.length > 0) return { addresses: known, source: 'hosts', servers: [] };
  return ask(candidatesFor(name, await textOf(resolvPath)), name, options);
}

async function ask(candidates: readonly string[], name: string, options: ResolveOptions): Promise<Resolved> {
  const { signal } = options;
  // A server that is silent is asked again by c-ares, by the next one after a second and a half, until the signal ends it.
  const resolver = new Resolver({ timeout: 1500, tries: 4 });
  if (options.servers) resolver.setServers([...options.servers]);
  const servers = resolver.getServers();
  const cancel = () => resolver.cancel();
  signal.throwIfAborted();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    let worst = 'ENOTFOUND';
    for (const candidate of candidates) {
      const { addresses, code } = await askBoth(resolver, candidate);
      signal.throwIfAborted();
      if (addresses.length > 0) return { addresses, source: 'dns', servers };
      if (!ABSENT.has(code)) worst = code;
    }
    throw failed(name, worst, servers);
  } finally {
    signal.removeEventListener('abort', cancel);
    resolver.cancel();
  }
}

interface Answer {
  readonly addresses: readonly string[];
  /** Of the failure, the one of a server before "there is none". */
  readonly code: string;
}

/** AAAA and A at once; when one has come, the other has a moment. */
async function askBoth(resolver: Resolver, name: string): Promise<Answer> {
  const six = outcomeOf(resolver.resolve6(name));
  const four = outcomeOf(resolver.resolve4(name));
  const first = await Promise.race([six, four]);
  const hurried = first.addresses.length > 0 ? setTimeout(() => resolver.cancel(), OTHER_FAMILY_MS) : undefined;
  const both = [await six, await four];
  clearTimeout(hurried);
  const addresses = both.flatMap((each) => each.addresses);
  const codes = both.map(({ code }) => code).filter((code) => code !== '');
  return { addresses, code: codes.find((code) => !ABSENT.has(code)) ?? codes[0] ?? 'ENODATA' };
}

async function outcomeOf(asked: Promise<string[]>): Promise<Answer> {
  try {
    return { addresses: await asked, code: '' };
  } catch (error) {
    return { addresses: [], code: error instanceof Error && 'code' in error ? String(error.code) : 'EUNKNOWN' };
  }
}

function failed(name: string, code: string, servers: readonly string[]): HTTPError {
  const by =
    servers.length > 0 ? `name server${servers.length > 1 ? 's' : ''} ${servers.join(', ')}` : 'no name server';
  const facts = { stage: 'dns', host: name, why: code, servers };
  if (ABSENT.has(code)) {
    const message = `resolve ${name}: no such host is known to ${by} (${code})`;
    return new HTTPError(message, { code: 'UNKNOWN_HOST', facts });
  }
  const words = code === 'ECONNREFUSED' || code === 'ETIMEOUT' ? 'no answer' : 'no use';
  return new HTTPError(`resolve ${name}: ${by} gave ${words} (${code})`, { code: 'UNREACHABLE', facts });
}

/** A host without the file has no such names; one that may not be read is passed over as the C library does. */
async function textOf(path: string): Promise<string> {
  try {
    return (await findFileBounded(path, { max: MAX_FILE_BYTES }))?.toString('utf8') ?? '';
  } catch (error) {
    if (isErrno(error, 'EACCES') || isErrno(error, 'EISDIR')) return '';
    throw error;
  }
}
