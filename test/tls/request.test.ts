import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeKey, makeRequest, readRequest, spkiOf } from '../../src/tls/index.ts';
import { plant } from '../support/secrets.ts';

/** What OpenSSL reads in it, its signature verified. */
function byOpenSSL(csrPEM: string): string {
  return execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
    input: csrPEM,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

async function request(names: readonly string[], ips: readonly string[] = []) {
  const { keyPEM, spki } = await makeKey();
  plant(keyPEM);
  return { ...(await makeRequest({ keyPEM, names, ips })), spki, keyPEM };
}

describe('makeRequest', () => {
  it('makes what openssl req -verify accepts', async () => {
    const { csrPEM } = await request(
      ['Plant.Example.com', '*.plant.example.com', 'plänt.example'],
      ['10.0.0.5', 'FE80::0:1'],
    );
    const text = byOpenSSL(csrPEM);
    expect(text).toContain('Subject: CN = plant.example.com\n');
    expect(text).toContain(
      'DNS:plant.example.com, DNS:*.plant.example.com, DNS:xn--plnt-moa.example, IP Address:10.0.0.5, IP Address:FE80:0:0:0:0:0:0:1\n',
    );
    expect(text).toContain('NIST CURVE: P-256');
    expect(text).toContain('TLS Web Server Authentication');
  });

  it('makes one for addresses alone, and for names too long to be a common name', async () => {
    expect(byOpenSSL((await request([], ['10.0.0.5'])).csrPEM)).toContain('Subject: CN = 10.0.0.5\n');
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.test`;
    expect(byOpenSSL((await request([long])).csrPEM)).toMatch(/Subject: ?\n/);
  });

  it('signs with the keys that certificates may have, and no other', async () => {
    const pemOf = (key: KeyObject): string => plant(String(key.export({ type: 'pkcs8', format: 'pem' })));
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    for (const { privateKey } of [rsa, p384])
      byOpenSSL((await makeRequest({ keyPEM: pemOf(privateKey), names: ['a.test'], ips: [] })).csrPEM);
    const { privateKey } = generateKeyPairSync('ed25519');
    await expect(makeRequest({ keyPEM: pemOf(privateKey), names: ['a.test'], ips: [] })).rejects.toMatchObject({
      code: 'TLS_KEY_WEAK',
    });
  });

  it.each(['', 'a b', 'x, O=evil', 'a.test\n', '*'])('refuses the name %j', async (name) => {
    await expect(request([name])).rejects.toMatchObject({ code: 'TLS_NAME_INVALID' });
  });
});

describe('readRequest', () => {
  it('reads names and key back, in PEM and DER', async () => {
    const { csrPEM, csrDER, spki, keyPEM } = await request(['a.test', '*.b.test', 'a.test'], ['10.0.0.5', 'fe80::1']);
    const expected = { names: ['a.test', '*.b.test', '10.0.0.5', 'fe80::1'], spki };
    expect(spki).toBe(spkiOf(keyPEM));
    for (const form of [csrPEM, csrDER, Buffer.from(csrPEM), csrPEM.replaceAll('\n', '\r\n')]) {
      expect(await readRequest(form)).toEqual(expected);
    }
  });

  it('reads one that openssl made', async () => {
    const pem = execFileSync(
      'openssl',
      'req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=x -addext subjectAltName=DNS:a.test,IP:10.0.0.5'.split(
        ' ',
      ),
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    );
    expect(await readRequest(pem)).toMatchObject({
      names: ['a.test', '10.0.0.5'],
      spki: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('says nothing else of one with any byte changed: nobody else can ask in its name', async () => {
    const { csrDER } = await request(['a.test']);
    const right = JSON.stringify(await readRequest(csrDER));
    let refused = 0;
    for (let at = 0; at < csrDER.length; at += 1) {
      const changed = Buffer.from(csrDER);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      const said = await readRequest(changed, 'the csr of site.json').then(JSON.stringify, (error: unknown) => error);
      if (said === right) continue;
      refused += 1;
      expect(said).toMatchObject({
        code: 'TLS_UNREADABLE',
        message: expect.stringMatching(/^read the csr of site\.json: expected a request/),
      });
    }
    // the rest is the name of the algorithm, which the key says too
    expect(refused).toBeGreaterThan(csrDER.length - 20);
  });

  it('refuses what is none', async () => {
    const { csrPEM, csrDER } = await request(['a.test']);
    const behind = Buffer.concat([csrDER, Buffer.from([0])]);
    for (const none of ['', 'none', csrPEM + csrPEM, Buffer.alloc(70_000), csrDER.subarray(0, 99), behind]) {
      await expect(readRequest(none)).rejects.toMatchObject({ code: 'TLS_UNREADABLE' });
    }
  });
});
