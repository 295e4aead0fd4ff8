import { execFileSync } from 'node:child_process';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fingerprintOf,
  fullchainPEM,
  type JudgedCertificate,
  judgeCertificate,
  readMaterial,
  spkiOf,
  systemRoots,
  TLSError,
  type TLSRules,
} from '../../src/tls/index.ts';
import {
  type Authority,
  authorityOf,
  bundlePEM,
  CLIENT_AUTH,
  type Issued,
  type IssueOptions,
  makeRoot,
} from '../support/pki.ts';
import { leakIn, plant } from '../support/secrets.ts';

let root: Authority;
let intermediate: Authority;
let stranger: Authority;
let leaf: Issued;
const now = new Date();
const DAY = 86_400_000;
const days = (n: number): Date => new Date(now.getTime() + n * DAY);
const dir = mkdtempSync(join(tmpdir(), 'ferry-tls-'));

beforeAll(async () => {
  root = await makeRoot();
  intermediate = await root.intermediate();
  stranger = await makeRoot('Stranger');
  leaf = await intermediate.issue();
  plant(leaf.keyPEM);
});
afterAll(() => rmSync(dir, { recursive: true }));

type Part = Pick<Issued, 'pem'> | string;

async function judge(parts: readonly Part[], rules: Partial<TLSRules> = {}): Promise<JudgedCertificate> {
  const material = await readMaterial({ cert: Buffer.from(bundlePEM(...parts)), certWhat: 'site.pem' });
  return judgeCertificate(material, { names: ['atrium.test'], roots: [root.pem], now, what: 'site.pem', ...rules });
}

/** The refusal: its code, its line, and the codes of all faults. */
async function refused(parts: readonly Part[], rules: Partial<TLSRules> = {}) {
  const error: unknown = await judge(parts, rules).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TLSError)) throw new Error(`expected a TLSError, got ${error}`);
  expect(leakIn(JSON.stringify([error.message, error.hint, error.facts, error.errors]))).toBeUndefined();
  const { code, message, hint } = error;
  return { code, message, hint, all: (error.errors.length > 0 ? error.errors : [error]).map((one) => one.code) };
}

/** Only this is wrong, and is told like this. */
async function expectOnly(code: string, said: string | RegExp, parts: readonly Part[], rules: Partial<TLSRules> = {}) {
  const { message, all } = await refused(parts, rules);
  expect(all).toEqual([code]);
  expect(message).toMatch(/^check site\.pem: (?:[^:]+: )?expected .+, got .+|^check site\.pem: expected .+ got /);
  if (typeof said === 'string') expect(message).toContain(said);
  else expect(message).toMatch(said);
}

/** An authority below another, with whatever is wrong about it. */
function authorityBy(by: Authority, options: IssueOptions = {}): Promise<Issued> {
  return by.issue({ commonName: 'Below', names: [], usages: [], isCA: true, ...options });
}

function signedBy(by: Issued): Promise<Issued> {
  return authorityOf(by).issue();
}

async function selfSigned({ isCA }: { readonly isCA: boolean }): Promise<Issued> {
  const names = { commonName: 'own.test', names: ['own.test', 'atrium.test'] };
  const first = await root.issue(names);
  return authorityOf(first).issue({ ...names, keys: first.keys, isCA });
}

function openssl(words: string): void {
  execFileSync('openssl', words.split(' '), { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
}

describe('judgeCertificate', () => {
  it('takes a good one, and says what it is', async () => {
    const certificate = new X509Certificate(leaf.pem);
    expect(await judge([leaf, intermediate, leaf.keyPEM])).toEqual({
      names: ['atrium.test'],
      notBefore: certificate.validFromDate,
      notAfter: certificate.validToDate,
      issuer: 'Test Intermediate',
      fingerprint: fingerprintOf(certificate),
      spki: spkiOf(leaf.keyPEM),
      isShorter: false,
      droppedNames: [],
    });
  });

  it('takes one by any of many authorities, with the root in the file or not, at once', async () => {
    const roots = [...systemRoots(), stranger.pem, bundlePEM(stranger, root)];
    await judge([leaf, intermediate, root], { roots });
    await judge([leaf, intermediate], { roots });
  });

  it('takes one of RSA and of P-384, and names under a star', async () => {
    await judge([await root.issue({ key: 'RSA-2048', names: ['*.test'], ips: ['10.0.0.5'] })], {
      names: ['10.0.0.5', '*.test'],
    });
    await judge([await root.issue({ key: 'P-384', names: ['*.atrium.test'] })], { names: ['plant.atrium.test'] });
  });

  it('finds all that is wrong, the most telling first', async () => {
    const bad = await stranger.issue({
      key: 'RSA-1024',
      names: ['b.test'],
      usages: [CLIENT_AUTH],
      notAfter: days(-0.5),
    });
    const { code, all } = await refused([bad, leaf.keyPEM], { current: { names: ['c.test'], notAfter: days(9) } });
    expect(code).toBe('TLS_KEY_MISMATCH');
    expect(all).toEqual([
      'TLS_KEY_MISMATCH',
      'TLS_NOT_FOR_SERVERS',
      'TLS_CHAIN_INCOMPLETE',
      'TLS_EXPIRED',
      'TLS_KEY_WEAK',
      'TLS_NAME_MISSING',
      'TLS_NAME_DROPPED',
      'TLS_SHORTER',
    ]);
  });
});

describe('judgeCertificate, the key', () => {
  it('refuses the key of another certificate', async () => {
    const other = await root.issue();
    await expectOnly('TLS_KEY_MISMATCH', 'the key of atrium.test, of EC P-256, got another EC P-256 key', [
      leaf,
      intermediate,
      other.keyPEM,
    ]);
  });

  it('refuses a key of another kind', async () => {
    const { keyPEM } = await root.issue({ key: 'RSA-2048' });
    await expectOnly('TLS_KEY_MISMATCH', 'of EC P-256, got one of RSA 2048', [leaf, intermediate, keyPEM]);
  });

  it('refuses RSA below 2048 bits', async () => {
    await expectOnly('TLS_KEY_WEAK', 'expected a key of RSA from 2048 bits, EC P-256 or P-384, got RSA 1024', [
      await root.issue({ key: 'RSA-1024' }),
    ]);
  });

  it('refuses what browsers leave out: Ed25519, and P-521 for a server', async () => {
    await expectOnly('TLS_KEY_WEAK', 'got Ed25519, which browsers do not take', [await root.issue({ key: 'Ed25519' })]);
    const keys = (await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-521' }, true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
    await expectOnly('TLS_KEY_WEAK', 'got EC P-521, which browsers do not take', [await root.issue({ keys })]);
  });

  it('refuses a weak key of an authority, also of the one that is trusted', async () => {
    const weak = await makeRoot('Weak', { key: 'RSA-1024' });
    await expectOnly('TLS_KEY_WEAK', 'check site.pem: Weak: expected a key', [await weak.issue()], {
      roots: [weak.pem],
    });
  });
});

describe('judgeCertificate, the signature', () => {
  it('refuses SHA-1, of the certificate and of an intermediate', async () => {
    await expectOnly('TLS_SIGNATURE_WEAK', 'got ecdsa-with-SHA1', [await root.issue({ hash: 'SHA-1' })]);
    const below = await authorityBy(root, { hash: 'SHA-1' });
    await expectOnly('TLS_SIGNATURE_WEAK', 'check site.pem: Below: expected a signature', [
      await signedBy(below),
      below,
    ]);
    openssl(
      'req -x509 -newkey rsa:2048 -nodes -keyout sha1.key -subj /CN=x -sha1 -out sha1.pem -days 9 -addext subjectAltName=DNS:atrium.test -addext basicConstraints=CA:FALSE',
    );
    const pem = readFileSync(join(dir, 'sha1.pem'), 'utf8');
    await expectOnly('TLS_SIGNATURE_WEAK', 'got sha1WithRSAEncryption', [pem], { roots: [pem], now: new Date() });
  });

  it.each([
    ['sha256', 'sha256', true],
    ['sha1', 'sha256', false],
    ['sha1', 'sha1', false],
  ])('reads the hash of RSASSA-PSS: %s with a mask of %s', async (hash, mask, isFine) => {
    writeFileSync(join(dir, 'rsa.key'), (await root.issue({ key: 'RSA-2048' })).keyPEM);
    openssl(
      `req -x509 -new -key rsa.key -subj /CN=pss -${hash} -sigopt rsa_padding_mode:pss -sigopt rsa_mgf1_md:${mask} -out pss.pem -days 9 -addext subjectAltName=DNS:atrium.test -addext basicConstraints=CA:FALSE`,
    );
    const pem = readFileSync(join(dir, 'pss.pem'), 'utf8');
    const judging = judge([pem], { roots: [pem], now: new Date() });
    if (isFine) await judging;
    else
      await expect(judging).rejects.toMatchObject({
        code: 'TLS_SIGNATURE_WEAK',
        message: expect.stringMatching(/got rsassaPss with SHA-1/),
      });
  });

  it('does not look at how a trusted root signed itself', async () => {
    const rsa = await makeRoot('Old', { key: 'RSA-2048' });
    writeFileSync(join(dir, 'old.key'), rsa.keyPEM);
    openssl('req -x509 -new -key old.key -subj /CN=Old -sha1 -days 9 -out old.pem');
    const old = readFileSync(join(dir, 'old.pem'), 'utf8');
    expect(new X509Certificate(old).signatureAlgorithm).toMatch(/sha1/i);
    await judge([await rsa.issue(), old], { roots: [old], now: new Date() });
  });
});

describe('judgeCertificate, the chain', () => {
  const wrong: [string, string, string | RegExp, () => Part[]][] = [
    [
      'no intermediate',
      'TLS_CHAIN_INCOMPLETE',
      'the certificate of Test Intermediate, which issued atrium.test, got nothing',
      () => [leaf],
    ],
    ['the root, and no intermediate', 'TLS_CHAIN_INCOMPLETE', 'that of Test Intermediate', () => [leaf, root]],
    [
      'the root in the middle',
      'TLS_CHAIN_ORDER',
      /certificate 2 that of Test Intermediate.*got Test Root: the order is wrong/,
      () => [leaf, root, intermediate],
    ],
    [
      'the intermediate first',
      'TLS_CHAIN_ORDER',
      "the server's own certificate first, got it as certificate 2, behind Test Intermediate",
      () => [intermediate, leaf],
    ],
    [
      'all upside down',
      'TLS_CHAIN_ORDER',
      'got it as certificate 3, behind Test Root',
      () => [root, intermediate, leaf],
    ],
    [
      'the key of the second',
      'TLS_CHAIN_ORDER',
      'the certificate of the key first, got it as certificate 2',
      () => [intermediate, leaf, leaf.keyPEM],
    ],
    [
      'something behind the root',
      'TLS_CHAIN_ORDER',
      'expected nothing behind Test Root, which signed itself, got Stranger',
      () => [leaf, intermediate, root, stranger],
    ],
  ];
  it.each(wrong)('refuses %s', async (_name, code, said, parts) => {
    await expectOnly(code, said, parts());
  });

  it('refuses a second certificate of a server', async () => {
    const other = await intermediate.issue({ names: ['b.test'] });
    await expectOnly('TLS_CHAIN_ORDER', 'a second certificate of a server', [leaf, other]);
    await expectOnly('TLS_CHAIN_ORDER', 'the order is wrong', [leaf, other, intermediate]);
  });

  it('refuses an intermediate that is only among the authorities: nobody would send it', async () => {
    const { message, hint } = await refused([leaf], { roots: [root.pem, intermediate.pem] });
    expect(message).toContain('in the file, got it only among the authorities');
    expect(hint).toContain('servers send only what stands there');
    await expectOnly('TLS_CHAIN_INCOMPLETE', 'got it only among', [leaf], { roots: [intermediate.pem] });
  });

  it('refuses an intermediate without its root, wherever it stands', async () => {
    await expectOnly('TLS_ROOT_UNKNOWN', 'got one to Test Root', [leaf, intermediate], { roots: [intermediate.pem] });
  });

  it('refuses an intermediate of that name with another key', async () => {
    const renewed = await root.intermediate();
    await expectOnly('TLS_CHAIN_INCOMPLETE', 'got one of that name with another key', [leaf, renewed]);
  });

  it('refuses an end that nobody here trusts', async () => {
    await expectOnly('TLS_ROOT_UNKNOWN', 'got one to Test Root', [leaf, intermediate], { roots: [stranger.pem] });
    await expectOnly('TLS_ROOT_UNKNOWN', 'got Test Root, where it ends', [leaf, intermediate, root], { roots: [] });
  });

  it('refuses a root of the same name with another key', async () => {
    const imposter = await makeRoot();
    await expectOnly('TLS_ROOT_UNKNOWN', 'that another Test Root issued, with another key', [leaf, intermediate], {
      roots: [imposter.pem],
    });
  });

  it('refuses a certificate that a server issued', async () => {
    await expectOnly(
      'TLS_CHAIN_ORDER',
      'expected an authority as certificate 2, got atrium.test, which may not issue any',
      [await signedBy(leaf), leaf, intermediate],
    );
  });

  it('takes a cross-signed root: by the one that is trusted, whichever that is', async () => {
    const crossed = await authorityBy(stranger, { commonName: 'Test Root', keys: root.keys });
    await judge([leaf, intermediate, crossed], { roots: [root.pem] });
    await judge([leaf, intermediate, crossed], { roots: [stranger.pem] });
    await judge([leaf, intermediate, crossed, stranger], { roots: [root.pem, stranger.pem] });
  });

  it('takes a certificate that signed itself and is trusted, and no other', async () => {
    const own = await selfSigned({ isCA: false });
    await judge([own], { roots: [own.pem] });
    await expectOnly('TLS_ROOT_UNKNOWN', 'got own.test, which signed itself', [own], { names: [] });
  });

  it('refuses an authority in the place of the server, also one that signed itself', async () => {
    const own = await selfSigned({ isCA: true });
    await expectOnly('TLS_IS_CA', "a server's certificate, got that of an authority, own.test", [own], {
      roots: [own.pem],
    });
  });
});

describe('judgeCertificate, names', () => {
  it('refuses one that is not for a name that it must be for, and says for what it is', async () => {
    const rules = { names: ['atrium.test', 'plant.test', '10.0.0.5'] };
    await expectOnly(
      'TLS_NAME_MISSING',
      'for plant.test, 10.0.0.5, got one for atrium.test',
      [leaf, intermediate],
      rules,
    );
  });

  it('refuses a common name alone, and version 1', async () => {
    const said = 'got one without subject alternative names: browsers do not look at its common name, atrium.test';
    await expectOnly('TLS_NAME_MISSING', said, [await root.issue({ names: [], commonName: 'atrium.test' })]);
    await expectOnly('TLS_NAME_MISSING', said, [await root.issue({ names: [], commonName: 'atrium.test' })], {
      names: [],
    });
    writeFileSync(join(dir, 'ca.pem'), root.pem);
    writeFileSync(join(dir, 'ca.key'), root.keyPEM);
    openssl('req -new -newkey rsa:2048 -nodes -keyout v1.key -subj /CN=atrium.test -out v1.csr');
    openssl('x509 -req -in v1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -out v1.pem');
    await expectOnly('TLS_NAME_MISSING', said, [readFileSync(join(dir, 'v1.pem'), 'utf8')], { now: new Date() });
  });

  it('refuses fewer names than the one in use has, unless that is meant', async () => {
    const current = { names: ['atrium.test', 'old.test', '*.old.test'], notAfter: days(1) };
    await expectOnly('TLS_NAME_DROPPED', 'got none for old.test, *.old.test', [leaf, intermediate], { current });
    const judged = await judge([leaf, intermediate], { current, allowFewerNames: true });
    expect(judged.droppedNames).toEqual(['old.test', '*.old.test']);
  });

  it('never gives up a name that it must be for', async () => {
    const rules = { names: ['old.test'], current: { names: ['old.test'], notAfter: days(1) }, allowFewerNames: true };
    await expectOnly('TLS_NAME_MISSING', 'a certificate for old.test', [leaf, intermediate], rules);
  });

  it('does not take an address that stands among the DNS names', async () => {
    const wrong = await root.issue({ names: ['atrium.test', '10.0.0.5'] });
    await expectOnly('TLS_NAME_MISSING', 'for 10.0.0.5, got one for atrium.test', [wrong], { names: ['10.0.0.5'] });
  });

  it('keeps a name that a star now stands for', async () => {
    const star = await root.issue({ names: ['*.test'] });
    const judged = await judge([await root.issue({ names: ['*.plant.test'] }), root], {
      names: [],
      current: { names: ['a.plant.test', 'b.plant.test'], notAfter: days(1) },
    });
    expect(judged.droppedNames).toEqual([]);
    await expectOnly('TLS_NAME_MISSING', 'for atrium.test', [star]);
  });
});

describe('judgeCertificate, dates', () => {
  it('refuses what has ended or not begun by the clock that it is given', async () => {
    await expectOnly('TLS_EXPIRED', `valid at ${days(91).toISOString()}, got one that ended at`, [leaf, intermediate], {
      now: days(91),
    });
    await expectOnly('TLS_NOT_YET_VALID', 'got one from', [leaf, intermediate], { now: days(-2) });
  });

  it('refuses an intermediate that has ended, and a root', async () => {
    const below = await authorityBy(root, { notAfter: days(1) });
    const over = await signedBy(below);
    await expectOnly('TLS_EXPIRED', 'the certificate of Below that is valid', [over, below], { now: days(2) });
    const short = await makeRoot('Short', { days: 1 });
    await expectOnly('TLS_EXPIRED', 'the certificate of Short', [await short.issue()], {
      roots: [short.pem],
      now: days(2),
    });
  });

  it('says of one that has ended only that, where the one in use ended later', async () => {
    const over = await root.issue({ notAfter: days(-0.5) });
    await expectOnly('TLS_EXPIRED', 'that ended at', [over], { current: { names: [], notAfter: days(-0.1) } });
  });

  it('takes of two roots with one key the one that is valid', async () => {
    const of = { commonName: 'Test Root', names: [], usages: [], isCA: true, keys: root.keys };
    const former = await authorityOf(root).issue({ ...of, notAfter: days(-0.1) });
    await judge([leaf, intermediate], { roots: [former.pem, root.pem] });
    await expectOnly('TLS_EXPIRED', 'the certificate of Test Root', [leaf, intermediate], { roots: [former.pem] });
  });

  it('takes the last second', async () => {
    await judge([leaf, intermediate], { now: new X509Certificate(leaf.pem).validToDate });
  });

  it('refuses one that ends before the one in use, unless that is meant or that one has ended', async () => {
    const current = { names: [], notAfter: days(120) };
    await expectOnly(
      'TLS_SHORTER',
      `not to end before the one in use, ${days(120).toISOString()}, got`,
      [leaf, intermediate],
      { current },
    );
    expect(await judge([leaf, intermediate], { current, allowShorter: true })).toMatchObject({ isShorter: true });
    expect(await judge([leaf, intermediate], { current: { names: [], notAfter: days(-1) } })).toMatchObject({
      isShorter: false,
    });
    const same = new X509Certificate(leaf.pem).validToDate;
    expect(await judge([leaf, intermediate], { current: { names: [], notAfter: same } })).toMatchObject({
      isShorter: false,
    });
  });
});

describe('judgeCertificate, what it is for', () => {
  it('refuses an intermediate that may not issue for servers', async () => {
    const below = await authorityBy(root, { usages: [CLIENT_AUTH] });
    await expectOnly('TLS_NOT_FOR_SERVERS', 'check site.pem: Below: expected usages', [await signedBy(below), below]);
  });

  it('refuses usages without serverAuth, and takes none at all', async () => {
    await expectOnly('TLS_NOT_FOR_SERVERS', 'usages with serverAuth, got clientAuth, 1.2.3.4', [
      await root.issue({ usages: [CLIENT_AUTH, '1.2.3.4'] }),
    ]);
    await judge([await root.issue({ usages: [] })]);
  });
});

describe('judgeCertificate, the key usage', () => {
  it.each([
    ['digitalSignature', 'rsa:2048', true],
    ['digitalSignature,keyEncipherment', 'rsa:2048', true],
    ['keyEncipherment', 'rsa:2048', false],
    ['keyAgreement', 'ec -pkeyopt ec_paramgen_curve:P-256', false],
    ['decipherOnly', 'rsa:2048', false],
  ])('of %s: as Chrome sees it', async (usage, key, isFine) => {
    openssl(
      `req -x509 -newkey ${key} -nodes -keyout ku.key -subj /CN=x -out ku.pem -days 9 -addext subjectAltName=DNS:atrium.test -addext basicConstraints=CA:FALSE -addext keyUsage=critical,${usage}`,
    );
    const pem = readFileSync(join(dir, 'ku.pem'), 'utf8');
    const rules = { roots: [pem], now: new Date() };
    if (isFine) await judge([pem], rules);
    else await expectOnly('TLS_NOT_FOR_SERVERS', 'a key usage with digitalSignature, got one without', [pem], rules);
  });
});

describe('any bytes', () => {
  it('of a chain, one of them changed, never make another certificate', async () => {
    const good = Buffer.from(bundlePEM(leaf, intermediate));
    const print = fingerprintOf(new X509Certificate(leaf.pem));
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] as number) ^ change;
        try {
          const material = await readMaterial({ cert: bytes, certWhat: 'x' });
          const judged = judgeCertificate(material, { names: ['atrium.test'], roots: [root.pem], now, what: 'x' });
          expect(judged.fingerprint).toBe(print);
          expect(fullchainPEM(material.chain)).toBe(good.toString());
          taken++;
        } catch (error) {
          if (!(error instanceof TLSError)) throw error;
        }
      }),
      { numRuns: 1500, seed: 5 },
    );
    expect(taken).toBeLessThan(150);
  });

  it('never make anything but a TLSError', async () => {
    const parts = fc.array(
      fc.oneof(
        fc.constantFrom(
          leaf.pem,
          intermediate.pem,
          root.pem,
          leaf.keyPEM,
          '-----BEGIN CERTIFICATE-----\n',
          '\r\n',
          '0\x82\x01\x00',
        ),
        fc.string(),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          parts.map((all) => Buffer.from(all.join(''))),
          fc.uint8Array(),
        ),
        async (bytes) => {
          const error: unknown = await readMaterial({ cert: bytes, certWhat: 'x' }).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          expect(error === undefined || error instanceof TLSError).toBe(true);
        },
      ),
      { numRuns: 300, seed: 5 },
    );
  });
});

describe('any order of a chain', () => {
  it('is refused but for the right one, and PKCS#12 puts it right', async () => {
    const right = [leaf, intermediate, root];
    const orders = fc.shuffledSubarray([0, 1, 2], { minLength: 3, maxLength: 3 });
    writeFileSync(join(dir, 'leaf.key'), leaf.keyPEM);
    writeFileSync(join(dir, 'leaf.pem'), leaf.pem);
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        const parts = order.map((at) => right[at] as Issued);
        if (order.join('') === '012') await judge(parts);
        else expect((await refused(parts)).code).toBe('TLS_CHAIN_ORDER');
        writeFileSync(join(dir, 'rest.pem'), bundlePEM(...parts));
        openssl('pkcs12 -export -in rest.pem -inkey leaf.key -out order.p12 -passout pass:');
        const material = await readMaterial({ cert: readFileSync(join(dir, 'order.p12')), certWhat: 'x' });
        expect(fullchainPEM(material.chain)).toBe(bundlePEM(leaf, intermediate));
        expect(createPrivateKey(material.keyPEM as string).asymmetricKeyType).toBe('ec');
      }),
      { numRuns: 12, seed: 5 },
    );
  });
});
