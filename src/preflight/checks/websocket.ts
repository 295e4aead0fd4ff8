/**
 * Whether a WebSocket comes about: the opening handshake (RFC 6455 §4) answered 101 with the proof that only a server
 * that has read the key can give. Of another answer it is said who seems to have given it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { spellOut } from '../../errors.ts';
import { type HTTPResponse, shownURL } from '../../http/index.ts';
import { type Attempt, CheckFailure, type Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';
import { addressOf } from './address.ts';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export async function checkWebSocket(target: CheckTarget, attempt: Attempt): Promise<Found> {
  const url = addressOf(target, 'https:');
  const key = randomBytes(16).toString('base64');
  const response = await attempt.send(url, {
    headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key },
  });
  if (response.status !== 101) throw notUpgraded(url, response);
  const proof = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  if (response.header('sec-websocket-accept') !== proof) {
    throw failure(
      url,
      response,
      'an upgrade to something else',
      'what answered has not read the request: a cache, or a portal',
    );
  }
  const { words, facts } = attempt.certificate();
  const detail = `${addressIn(url)}: upgraded to a WebSocket (101)${attempt.byProxy(url)}${words}`;
  return { stage: 'protocol', detail, facts: { status: 101, ...facts } };
}

function notUpgraded(url: URL, response: HTTPResponse): CheckFailure {
  const between = betweenOf(response);
  return failure(url, response, `status ${response.status}${between && ` from ${between}`}`, hintFor(response.status));
}

function failure(url: URL, { status }: HTTPResponse, got: string, hint: string): CheckFailure {
  const detail = `${addressIn(url)}: expected an upgrade to a WebSocket (101), got ${got}`;
  return new CheckFailure({ stage: 'protocol', detail, hint, facts: { status } });
}

function hintFor(status: number): string {
  if (status === 401 || status === 403)
    return 'whoever answered wants a login or says no before the upgrade: is the path the one of the agent, and no proxy that refuses WebSocket between';
  if (status === 404) return 'there is no such path: give the address of the WebSocket, wss://host/path';
  return 'what is between must pass WebSocket upgrades (the headers Connection and Upgrade): a proxy or balancer took them out, or the path is none of a WebSocket';
}

/** Who says it is between, by its own headers. */
function betweenOf(response: HTTPResponse): string {
  const named = response.header('via') ?? response.header('server') ?? '';
  return named === '' ? '' : `"${spellOut(named.slice(0, 60))}"`;
}

/** As people write it: wss for https. */
function addressIn(url: URL): string {
  return shownURL(url).replace(/^http/, 'ws');
}
