// DOCKER_HOST as Docker's own client reads it.
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../src/docker/address.ts';

describe('parseAddress', () => {
  it.each([
    [undefined, '/var/run/docker.sock'],
    ['', '/var/run/docker.sock'],
    ['unix://', '/var/run/docker.sock'],
    ['unix:///run/user/1000/docker.sock', '/run/user/1000/docker.sock'],
  ])('reads %s as a unix socket', (host, path) => {
    expect(parseAddress({ DOCKER_HOST: host })).toEqual({ kind: 'unix', path });
  });

  it.each([
    ['tcp://127.0.0.1:2375', '127.0.0.1', 2375],
    ['tcp://engine.example', 'engine.example', 2375],
    ['engine.example:4000', 'engine.example', 4000],
    ['tcp://[::1]:2375', '::1', 2375],
  ])('reads %s as plain TCP', (host, name, port) => {
    expect(parseAddress({ DOCKER_HOST: host })).toEqual({ kind: 'tcp', host: name, port });
  });

  it('speaks TLS when DOCKER_TLS_VERIFY is anything but empty, as Docker does', () => {
    const env = { DOCKER_HOST: 'tcp://engine.example', DOCKER_TLS_VERIFY: '0', DOCKER_CERT_PATH: '/certs' };
    const tls = { ca: '/certs/ca.pem', cert: '/certs/cert.pem', key: '/certs/key.pem' };
    expect(parseAddress(env)).toEqual({ kind: 'tcp', host: 'engine.example', port: 2376, tls });
    expect(parseAddress({ ...env, DOCKER_TLS_VERIFY: '' })).not.toHaveProperty('tls');
  });

  it('looks for certificates in ~/.docker when no folder is named', () => {
    const address = parseAddress({ DOCKER_HOST: 'tcp://e:1', DOCKER_TLS_VERIFY: '1', HOME: '/home/ada' });
    expect(address).toMatchObject({ tls: { ca: '/home/ada/.docker/ca.pem' } });
  });

  it('calls ssh so that a host is never read as an option', () => {
    const address = parseAddress({ DOCKER_HOST: 'ssh://ada@engine.example:2222' });
    const login = ['-l', 'ada', '-p', '2222', '--', 'engine.example'];
    const args = ['-o', 'ConnectTimeout=30', '-T', ...login, 'docker', 'system', 'dial-stdio'];
    expect(address).toEqual({ kind: 'ssh', destination: 'ssh://ada@engine.example:2222', args });
  });

  it('names the far socket when the address does', () => {
    const address = parseAddress({ DOCKER_HOST: 'ssh://engine.example/run/d.sock' });
    const far = ['docker', '--host', 'unix:///run/d.sock', 'system', 'dial-stdio'];
    expect(address).toMatchObject({ args: expect.arrayContaining(far) });
  });

  it.each([
    'npipe:////./pipe/docker_engine',
    'fd://3',
    'https://engine.example',
    'tcp://user:secret@engine.example',
    'tcp://engine.example/path',
    'ssh://ada:secret@engine.example',
    'ssh://engine.example/run/$(reboot)',
    'ssh://',
    'not an address',
  ])('refuses %s', (host) => {
    expect(() => parseAddress({ DOCKER_HOST: host })).toThrow(expect.objectContaining({ code: 'ENGINE_ADDRESS' }));
  });

  it('shows no password in its refusal', () => {
    expect(() => parseAddress({ DOCKER_HOST: 'ssh://ada:secret@engine.example' })).toThrow(/^(?!.*secret)/);
  });

  it('is formatted back to what was given', () => {
    for (const host of ['unix:///run/d.sock', 'tcp://engine.example:2375', 'ssh://ada@engine.example:2222']) {
      expect(formatAddress(parseAddress({ DOCKER_HOST: host }))).toBe(host);
    }
  });
});
