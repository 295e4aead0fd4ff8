/**
 * Whether a server's certificate is good: chain, dates and names, by a handshake and no request. On 443, the port of the
 * web, it goes the way of HTTP, by the proxy where there is one; on any other port straight.
 */
import { openStraight, openTunnel, secure, trustStore } from '../../http/index.ts';
import type { Attempt, Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';

export async function checkTLS({ host, port }: CheckTarget, attempt: Attempt): Promise<Found> {
  const { now, signal, caPEM, way } = attempt;
  const isWeb = port === 443;
  const { socket } = await (isWeb ? openTunnel({ host, port }, way) : openStraight({ host, port }, way));
  attempt.at('tls', `TLS with ${host} port ${port}`);
  const context = trustStore(caPEM === undefined ? {} : { caPEM });
  const { socket: secured, peer } = await secure(socket, { host, port, context, now, signal });
  secured.destroy();
  attempt.peer = peer;
  const { words, facts } = attempt.certificate();
  const name = host.includes(':') ? `[${host}]` : host;
  const how = isWeb ? attempt.byProxy(new URL(`https://${name}`)) : attempt.pastProxy(host, port);
  return { stage: 'tls', detail: `${host} port ${port} speaks ${peer.protocol}${how}${words}`, facts };
}
