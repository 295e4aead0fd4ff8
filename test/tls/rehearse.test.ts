import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RehearseOptions, rehearse, systemRoots, TLSError } from '../../src/tls/index.ts';
import { type Authority, bundlePEM, CLIENT_AUTH, type Issued, makeRoot } from '../support/pki.ts';
import { leakIn, plant } from '../support/secrets.ts';

let root: Authority;
let intermediate: Authority;
let leaf: Issued;
const dir = mkdtempSync(join(tmpdir(), 'ferry-tls-'));

beforeAll(async () => {
  root = await makeRoot();
  intermediate = await root.intermediate();
  leaf = await intermediate.issue({ names: ['atrium.test', '*.plant.test'], ips: ['10.0.0.5', 'fe80::1'] });
  plant(leaf.keyPEM);
});
afterAll(() => rmSync(dir, { recursive: true }));

function play(options: Partial<RehearseOptions> = {}): Promise<void> {
  const fullchainPEM = bundlePEM(leaf, intermediate);
  return rehearse({ fullchainPEM, keyPEM: leaf.keyPEM, roots: [root.pem], name: 'atrium.test', ...options });
}

async function refused(options: Partial<RehearseOptions>): Promise<string> {
  const error: unknown = await play(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TLSError)) throw new Error(`expected a TLSError, got ${error}`);
  expect(error.code).toBe('TLS_REHEARSAL');
  expect(leakIn(JSON.stringify([error.message, error.hint, error.facts, String(error.cause)]))).toBeUndefined();
  return error.message;
}

/** A certificate by OpenSSL below one with constraints that only OpenSSL judges. */
function constrained(constraint: string): { fullchainPEM: string; keyPEM: string; roots: string[] } {
  const openssl = (words: string): string =>
    execFileSync('openssl', words.split(' '), { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9';
  openssl(`req -x509 ${key} -keyout ca.key -out ca.pem -subj /CN=ca -addext ${constraint}`);
  openssl(`req ${key} -keyout leaf.key -out leaf.csr -subj /CN=leaf`.replace(' -days 9', ''));
  writeFileSync(join(dir, 'leaf.ext'), 'subjectAltName=DNS:atrium.test\nbasicConstraints=CA:FALSE\n');
  openssl('x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile leaf.ext -out leaf.pem');
  const [fullchainPEM, keyPEM, ca] = ['leaf.pem', 'leaf.key', 'ca.pem'].map((name) =>
    readFileSync(join(dir, name), 'utf8'),
  ) as [string, string, string];
  return { fullchainPEM, keyPEM: plant(keyPEM), roots: [ca] };
}

describe('rehearse', () => {
  it.each(['atrium.test', 'x.plant.test', '*.plant.test', '10.0.0.5', 'fe80::1'])(
    'plays through for %s',
    async (name) => {
      await play({ name });
    },
  );

  it('plays through with RSA, with P-384, and with all authorities of this machine beside', async () => {
    for (const key of ['RSA-2048', 'P-384'] as const) {
      const { pem, keyPEM } = await root.issue({ key });
      await play({ fullchainPEM: pem, keyPEM, roots: [...systemRoots(), root.pem] });
    }
  });

  it('passes over dates: they were judged by another clock', async () => {
    for (const shift of [-400, 400]) {
      const [notBefore, notAfter] = [shift - 1, shift + 1].map((days) => new Date(Date.now() + days * 86_400_000)) as [
        Date,
        Date,
      ];
      const over = await intermediate.issue({ notBefore, notAfter });
      await play({ fullchainPEM: bundlePEM(over, intermediate), keyPEM: over.keyPEM });
      expect(await refused({ fullchainPEM: over.pem, keyPEM: over.keyPEM })).toContain(
        'rehearse a handshake: check its chain: expected the certificate of Test Intermediate',
      );
    }
  });

  it('refuses the key of another, and a chain in the wrong order', async () => {
    const { keyPEM } = await root.issue();
    for (const wrong of [{ keyPEM }, { fullchainPEM: bundlePEM(intermediate, leaf) }]) {
      expect(await refused(wrong)).toBe(
        'rehearse a handshake: expected a server to take the certificate and the key, got key values mismatch (ERR_OSSL_X509_KEY_VALUES_MISMATCH)',
      );
    }
  });

  it('refuses a missing intermediate, also where it is among the authorities', async () => {
    expect(await refused({ fullchainPEM: leaf.pem })).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(await refused({ fullchainPEM: leaf.pem, roots: [root.pem, intermediate.pem] })).toContain(
      'UNABLE_TO_VERIFY',
    );
  });

  it('refuses an authority that is not trusted', async () => {
    const stranger = await makeRoot('Stranger');
    expect(await refused({ roots: [stranger.pem] })).toContain('UNABLE_TO_GET_ISSUER_CERT');
  });

  it('refuses another name', async () => {
    expect(await refused({ name: 'other.test' })).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await refused({ name: '10.0.0.6' })).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('refuses what is not for servers', async () => {
    const client = await intermediate.issue({ usages: [CLIENT_AUTH] });
    const fullchainPEM = bundlePEM(client, intermediate);
    expect(await refused({ fullchainPEM, keyPEM: client.keyPEM })).toContain('INVALID_PURPOSE');
  });

  it("refuses a name outside the authority's constraints, and takes one inside", async () => {
    await play(constrained('nameConstraints=permitted;DNS:atrium.test'));
    expect(await refused(constrained('nameConstraints=permitted;DNS:other.test'))).toContain(
      'permitted subtree violation',
    );
  });

  it("plays through with a server's own that says it issues nothing", async () => {
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key -out own.pem -days 9 -subj /CN=x`;
    const extensions = 'subjectAltName=DNS:atrium.test basicConstraints=CA:FALSE keyUsage=critical,digitalSignature';
    const all = [...words.split(' '), ...extensions.split(' ').flatMap((one) => ['-addext', one])];
    execFileSync('openssl', all, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
    const [pem, keyPEM] = ['own.pem', 'own.key'].map((name) => readFileSync(join(dir, name), 'utf8')) as [
      string,
      string,
    ];
    await play({ fullchainPEM: pem, keyPEM: plant(keyPEM), roots: [pem] });
    expect(await refused({ fullchainPEM: pem, keyPEM })).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('refuses bytes that are none', async () => {
    expect(await refused({ fullchainPEM: 'none' })).toContain('expected a server to take');
    expect(await refused({ keyPEM: leaf.keyPEM.replace(/M.{8}/, 'MAAAAAAAA') })).toContain('expected a server to take');
  });
});
