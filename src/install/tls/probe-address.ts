/**
 * Where a container's TLS port is to be found on this host: what it publishes of 443, or that port itself where it is
 * on the host's network. Pure. A port of another host's engine is none that we could look at.
 */

import type { ContainerPort, EngineContainer } from '../../docker/index.ts';
import type { HostPort } from '../../manifest/index.ts';

const HTTPS = 443;
const LOOPBACK = '127.0.0.1';
/** What an engine writes for all addresses, and where those are reached from here. */
const ANY: Readonly<Record<string, string>> = { '': LOOPBACK, '0.0.0.0': LOOPBACK, '::': '::1' };

/** The first address at which one of these containers serves TLS; `undefined` where none publishes it. */
export function findServing(
  containers: readonly Pick<EngineContainer, 'ports' | 'networkMode'>[],
): HostPort | undefined {
  const ports = containers.flatMap((container) => container.ports).filter(({ protocol }) => protocol === 'tcp');
  // its own port first; else one that the host's clients know as 443
  const published = ports.find(({ port }) => port === HTTPS) ?? ports.find(({ hostPort }) => hostPort === HTTPS);
  if (published !== undefined) return addressOf(published);
  const isOnHost = containers.some(({ networkMode }) => networkMode === 'host');
  return isOnHost ? { host: LOOPBACK, port: HTTPS } : undefined;
}

function addressOf({ host, hostPort }: ContainerPort): HostPort {
  return { host: ANY[host] ?? host, port: hostPort };
}
