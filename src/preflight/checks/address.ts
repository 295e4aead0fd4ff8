/** The address that a check with a URL asks for. */
import { CheckFailure } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';

const WEB: Readonly<Record<string, 'http:' | 'https:'>> = {
  'https:': 'https:',
  'http:': 'http:',
  'wss:': 'https:',
  'ws:': 'http:',
};

/**
 * The target's URL, else its host and port with a scheme; wss and ws as https and http, for that is what is spoken first.
 * A user and password in it are left out.
 *
 * @throws {CheckFailure} for a URL of another kind
 */
export function addressOf({ url, host, port }: CheckTarget, scheme: 'https:'): URL {
  const name = host.includes(':') ? `[${host}]` : host;
  const text = url ?? `${scheme}//${name}:${port}/`;
  const given = URL.canParse(text) ? new URL(text) : undefined;
  const web = given && WEB[given.protocol];
  if (!given || !web || given.hostname === '') throw noAddress(host, 'a web address');
  const address = new URL(`${web}//${given.host}${given.pathname}${given.search}`);
  return address;
}

function noAddress(host: string, expected: string): CheckFailure {
  return new CheckFailure({
    stage: 'protocol',
    detail: `read the address of ${host || 'a destination'}: expected ${expected}, got something else`,
    hint: 'write it as https://host/path; for a WebSocket wss://host/path',
  });
}
