/** Where a container's TLS port is looked for on this host. */
import { describe, expect, it } from 'vitest';
import { findServing } from '../../src/install/tls/probe-address.ts';

const port = (host: string, hostPort: number, inside = 443, protocol = 'tcp') => ({
  ...{ host, hostPort, protocol },
  port: inside,
});
const on = (networkMode: string, ...ports: readonly ReturnType<typeof port>[]) => ({ networkMode, ports });

describe('findServing', () => {
  it.each([
    ['all addresses', [on('front', port('0.0.0.0', 8443))], '127.0.0.1:8443'],
    ['all of IPv6 alone', [on('front', port('::', 8443))], '::1:8443'],
    ['one address', [on('front', port('192.0.2.7', 443))], '192.0.2.7:443'],
    ['no address, as podman writes all', [on('front', port('', 443))], '127.0.0.1:443'],
    ['another port that clients know as 443', [on('front', port('0.0.0.0', 443, 8443))], '127.0.0.1:443'],
    ['443 among others', [on('front', port('0.0.0.0', 80, 80), port('0.0.0.0', 9443))], '127.0.0.1:9443'],
    ['443 of the second container', [on('front'), on('front', port('0.0.0.0', 444))], '127.0.0.1:444'],
    ['the network of the host', [on('host')], '127.0.0.1:443'],
  ])('finds %s', (_what, containers, expected) => {
    const found = findServing(containers);
    expect(`${found?.host}:${found?.port}`).toBe(expected);
  });

  it.each([
    ['nothing is published', [on('front')]],
    ['only UDP is', [on('front', port('0.0.0.0', 443, 443, 'udp'))]],
    ['only something else is', [on('bridge', port('0.0.0.0', 8080, 80))]],
    ['there is no container', []],
  ])('finds none where %s', (_what, containers) => {
    expect(findServing(containers)).toBeUndefined();
  });
});
