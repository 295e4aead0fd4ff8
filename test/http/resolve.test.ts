import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressesIn, candidatesFor } from '../../src/http/hosts-file.ts';
import { resolveHost } from '../../src/http/index.ts';
import { type NameServer, startNameServer } from '../support/name-server.ts';
import { freePort } from '../support/port.ts';

let dir: string;
let server: NameServer;
const resolve = (name: string, signal = new AbortController().signal, servers = [server.address]) =>
  resolveHost(name, { signal, servers, hostsPath: join(dir, 'hosts'), resolvPath: join(dir, 'resolv.conf') });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-test-names-'));
  await writeFile(
    join(dir, 'hosts'),
    '# here\n10.1.1.1 Kept.test kept # as it is\n::1 kept.test\nnonsense kept.test\n',
  );
  await writeFile(join(dir, 'resolv.conf'), 'nameserver 192.0.2.1\nsearch office.test . other.test\n');
  server = await startNameServer({
    'A far.test': ['192.0.2.1', '192.0.2.2'],
    'A idp.office.test': ['192.0.2.3'],
    'A half.test': ['192.0.2.4'],
    'AAAA half.test': 'silent',
    'A silent.test': 'silent',
    'AAAA silent.test': 'silent',
    'TXT empty.test': [],
  });
});

afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('resolveHost', () => {
  it('takes addresses and this host as they are, and the hosts file before any server', async () => {
    expect(await resolve('[::1]')).toMatchObject({ addresses: ['::1'], source: 'address' });
    expect(await resolve('localhost')).toMatchObject({ addresses: ['127.0.0.1', '::1'], source: 'hosts' });
    expect(await resolve('kept.TEST')).toMatchObject({ addresses: ['10.1.1.1', '::1'], source: 'hosts' });
    expect(server.asked).toEqual([]);
  });

  it('asks for both families, and names the servers', async () => {
    expect(await resolve('far.test')).toEqual({
      addresses: ['192.0.2.1', '192.0.2.2'],
      source: 'dns',
      servers: [server.address],
    });
    expect(server.asked.toSorted()).toEqual(['A far.test', 'AAAA far.test']);
  });

  it('does not wait for a family that is silent once the other has answered', async () => {
    expect(await resolve('half.test')).toMatchObject({ addresses: ['192.0.2.4'] });
  });

  it('tries a short name with the domains of the search list first', async () => {
    expect(await resolve('idp')).toMatchObject({ addresses: ['192.0.2.3'] });
    expect(server.asked).not.toContain('A idp');
  });

  it('tells a name that is not there from a server that does not answer', async () => {
    await expect(resolve('gone.test')).rejects.toMatchObject({ code: 'UNKNOWN_HOST', facts: { stage: 'dns' } });
    await expect(resolve('empty.test')).rejects.toMatchObject({ code: 'UNKNOWN_HOST' });
    const nobody = [`127.0.0.1:${await freePort()}`];
    await expect(resolve('far.test', undefined, nobody)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      facts: { why: 'ECONNREFUSED' },
    });
  });

  it('ends with its signal', async () => {
    const ending = new AbortController();
    const asking = resolve('silent.test', ending.signal);
    setImmediate(() => ending.abort(new Error('enough')));
    await expect(asking).rejects.toThrow('enough');
  });
});

describe('addressesIn', () => {
  it('reads names in any case, several a line, and no comments', () => {
    expect(addressesIn('1.2.3.4 a B\n#5.6.7.8 b\n5.6.7.8\tc b#x\n', 'b.')).toEqual(['1.2.3.4', '5.6.7.8']);
  });
});

describe('candidatesFor', () => {
  it('keeps to ndots, and a name with a dot at its end is whole', () => {
    const conf = 'search a.test b.test\noptions timeout:1 ndots:2\n';
    expect(candidatesFor('x.y', conf)).toEqual(['x.y.a.test', 'x.y.b.test', 'x.y']);
    expect(candidatesFor('x.y.z', conf)).toEqual(['x.y.z', 'x.y.z.a.test', 'x.y.z.b.test']);
    expect(candidatesFor('x.', conf)).toEqual(['x']);
    expect(candidatesFor('x', '')).toEqual(['x']);
  });
});
