/** Whether a name has an address, by the files and name servers of this host. */
import { resolveHost } from '../../http/index.ts';
import type { Attempt, Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';

export async function checkDNS({ host }: CheckTarget, attempt: Attempt): Promise<Found> {
  attempt.at('dns', `resolve ${host}`);
  const { addresses, source, servers } = await resolveHost(host, { signal: attempt.signal });
  const by = { address: 'an address itself', hosts: 'by /etc/hosts', dns: `by ${servers.join(', ')}` }[source];
  const shown = addresses.slice(0, 3).join(', ') + (addresses.length > 3 ? ` and ${addresses.length - 3} more` : '');
  return { stage: 'dns', detail: `${host} is ${shown} (${by})`, facts: { addresses, source, servers } };
}
