/** Whether a server's certificate is good: chain, dates and names, by a handshake and no request. No proxy is gone through. */
import { openStraight, secure, trustStore } from '../../http/index.ts';
import type { Attempt, Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';

export async function checkTLS({ host, port }: CheckTarget, attempt: Attempt): Promise<Found> {
  const { now, signal, caPEM } = attempt;
  const { socket } = await openStraight({ host, port }, attempt.way);
  attempt.at('tls', `TLS with ${host} port ${port}`);
  const context = trustStore(caPEM === undefined ? {} : { caPEM });
  const { socket: secured, peer } = await secure(socket, { host, port, context, now, signal });
  secured.destroy();
  attempt.peer = peer;
  const { words, facts } = attempt.certificate();
  const detail = `${host} port ${port} speaks ${peer.protocol}${attempt.pastProxy(host, port)}${words}`;
  return { stage: 'tls', detail, facts };
}
