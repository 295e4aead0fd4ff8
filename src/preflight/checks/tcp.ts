/** Whether somebody listens: a connection that is closed at once. No proxy is gone through. */
import { openStraight } from '../../http/index.ts';
import type { Attempt, Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';

export async function checkTCP({ host, port }: CheckTarget, attempt: Attempt): Promise<Found> {
  const { socket } = await openStraight({ host, port }, attempt.way);
  const address = socket.remoteAddress ?? host;
  socket.destroy();
  const at = address === host ? '' : ` at ${address}`;
  const detail = `${host} port ${port} takes connections${at}${attempt.pastProxy(host, port)}`;
  return { stage: 'tcp', detail, facts: { address } };
}
