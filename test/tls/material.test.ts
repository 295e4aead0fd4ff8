import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fingerprintOf,
  MAX_TLS_BYTES,
  type Material,
  readMaterial,
  readRoots,
  systemRoots,
  TLSError,
} from '../../src/tls/index.ts';
import { type Authority, bundlePEM, type Issued, makeRoot } from '../support/pki.ts';
import { leakIn, plant } from '../support/secrets.ts';

let root: Authority;
let intermediate: Authority;
let leaf: Issued;
let rsa: Issued;
const dir = mkdtempSync(join(tmpdir(), 'ferry-tls-'));

beforeAll(async () => {
  root = await makeRoot();
  intermediate = await root.intermediate();
  leaf = await intermediate.issue();
  rsa = await intermediate.issue({ key: 'RSA-2048' });
  for (const { keyPEM } of [leaf, rsa]) plant(keyPEM);
});
afterAll(() => rmSync(dir, { recursive: true }));

const der = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
const read = (cert: string | Uint8Array, key?: string | Uint8Array, passphrase?: string): Promise<Material> =>
  readMaterial({
    cert: Buffer.from(cert),
    certWhat: 'site.pem',
    ...(key !== undefined && { key: Buffer.from(key), keyWhat: 'site.key' }),
    ...(passphrase !== undefined && { passphrase }),
  });

/** The refusal, held to have nothing of a key in it. */
async function refusal(reading: Promise<unknown>): Promise<TLSError> {
  const error: unknown = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TLSError)) throw new Error(`expected a TLSError, got ${error}`);
  expect(leakIn(JSON.stringify([error.message, error.hint, error.facts, String(error.cause)]))).toBeUndefined();
  return error;
}

const prints = ({ chain }: Material): string[] => chain.map(fingerprintOf);
const printOf = ({ pem }: { readonly pem: string }): string =>
  execFileSync('openssl', ['x509', '-noout', '-fingerprint', '-sha256'], { input: pem, encoding: 'utf8' })
    .replace(/.*=/, '')
    .replaceAll(/[:\s]/g, '')
    .toLowerCase();

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
}

describe('readMaterial, PEM', () => {
  it('takes certificate, chain and key out of one file, in any order of kinds', async () => {
    const material = await read(bundlePEM(leaf.keyPEM, leaf, intermediate, root));
    expect(prints(material)).toEqual([leaf, intermediate, root].map(printOf));
    expect(material).toMatchObject({ format: 'pem', keyPEM: leaf.keyPEM });
  });

  it('takes certificate and key out of two files, and a chain alone', async () => {
    expect(await read(bundlePEM(leaf, intermediate), leaf.keyPEM)).toMatchObject({ keyPEM: leaf.keyPEM });
    expect(await read(bundlePEM(leaf, intermediate))).not.toHaveProperty('keyPEM');
  });

  it('keeps the order of the file, and each certificate once', async () => {
    expect(prints(await read(bundlePEM(intermediate, leaf, intermediate)))).toEqual([intermediate, leaf].map(printOf));
  });

  const forms: [string, (pem: string) => string | Uint8Array][] = [
    ['CRLF', (pem) => pem.replaceAll('\n', '\r\n')],
    ['CR alone', (pem) => pem.replaceAll('\n', '\r')],
    ['a byte order mark', (pem) => `\ufeff${pem}`],
    ['UTF-16, as PowerShell writes it', (pem) => Buffer.from(`\ufeff${pem}`, 'utf16le')],
    ['UTF-16 without a mark', (pem) => Buffer.from(pem, 'utf16le')],
    ['indented lines', (pem) => pem.replaceAll(/^/gm, '    ')],
    ['lines of 76 and blanks behind them', (pem) => pem.replaceAll('\n', ' \t\n')],
    ['no line end at its end', (pem) => pem.trimEnd()],
    [
      'what openssl pkcs12 writes around',
      (pem) => `Bag Attributes\n    localKeyID: 01\nsubject=CN = x\n\n${pem}\nBye -- Tom`,
    ],
    ['one long line', (pem) => pem.replaceAll(/([A-Za-z0-9+/=])\n(?!-)/g, '$1')],
  ];
  it.each(forms)('takes %s', async (_name, write) => {
    const material = await read(write(bundlePEM(leaf, intermediate, leaf.keyPEM)));
    expect(prints(material)).toEqual([leaf, intermediate].map(printOf));
    expect(material.keyPEM).toBe(leaf.keyPEM);
  });

  it('takes of several keys the one that fits, and the file of the key before one beside the certificate', async () => {
    expect((await read(bundlePEM(rsa.keyPEM, leaf, leaf.keyPEM))).keyPEM).toBe(leaf.keyPEM);
    expect((await read(bundlePEM(rsa.keyPEM, leaf), leaf.keyPEM)).keyPEM).toBe(leaf.keyPEM);
    expect((await read(bundlePEM(leaf, leaf.keyPEM), rsa.keyPEM)).keyPEM).toBe(rsa.keyPEM);
  });

  it('passes over parameters and other blocks between', async () => {
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    expect(await read(bundlePEM(parameters, leaf, leaf.keyPEM))).toMatchObject({ keyPEM: leaf.keyPEM });
  });
});

describe('readMaterial, keys', () => {
  it.each(['pkcs1', 'sec1', 'pkcs8'] as const)('takes %s in PEM and DER, and hands out PKCS#8', async (type) => {
    const of = type === 'pkcs1' ? rsa : leaf;
    const key = createPrivateKey(of.keyPEM);
    expect((await read(of.pem, key.export({ type, format: 'pem' }))).keyPEM).toBe(of.keyPEM);
    expect((await read(of.pem, key.export({ type, format: 'der' }))).keyPEM).toBe(of.keyPEM);
  });

  it('opens encrypted ones, of now and of old', async () => {
    const key = createPrivateKey(rsa.keyPEM);
    const forms = [
      key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'pässwörd' }),
      key.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'pässwörd' }),
      key.export({ type: 'pkcs1', format: 'pem', cipher: 'des-ede3-cbc', passphrase: 'pässwörd' }),
    ];
    expect(String(forms[2])).toContain('Proc-Type: 4,ENCRYPTED');
    for (const form of forms) {
      expect((await read(rsa.pem, form, 'pässwörd')).keyPEM).toBe(rsa.keyPEM);
      expect(await refusal(read(rsa.pem, form, 'wrong'))).toMatchObject({
        code: 'TLS_PASSPHRASE',
        message: 'read site.key: it is encrypted: expected its passphrase, got one that does not open it',
      });
      expect((await refusal(read(rsa.pem, form))).message).toMatch(/expected its passphrase, got none$/);
    }
  });

  it('opens one that is encrypted with the empty passphrase without asking', async () => {
    const form = createPrivateKey(rsa.keyPEM).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-128-cbc',
      passphrase: '',
    });
    expect((await read(rsa.pem, form)).keyPEM).toBe(rsa.keyPEM);
  });

  it('says what a key file holds instead', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const other of [leaf.pem, String(publicKey.export({ type: 'spki', format: 'pem' }))]) {
      expect(await refusal(read(leaf.pem, other))).toMatchObject({
        code: expect.stringMatching(/^TLS_(?:UNREADABLE|NO_CERTIFICATE)$/),
        message: expect.stringMatching(/^read site\.key: expected a private key, got /),
      });
    }
  });

  it('names a key that is cut off, and quotes nothing of it', async () => {
    const lines = rsa.keyPEM.split('\n');
    const without = lines.toSpliced(5, 3).join('\n');
    expect(await refusal(read(rsa.pem, without))).toMatchObject({ code: 'TLS_UNREADABLE' });
    expect(await refusal(read(rsa.pem, lines.slice(0, 9).join('\n')))).toMatchObject({ code: 'TLS_UNREADABLE' });
    expect(await refusal(read(rsa.pem, lines.slice(1).join('\n')))).toMatchObject({ code: 'TLS_UNREADABLE' });
  });
});

describe('readMaterial, DER and PKCS#12', () => {
  it('takes a certificate in DER', async () => {
    const material = await read(der(leaf.pem), leaf.keyPEM);
    expect(material.format).toBe('der');
    expect(prints(material)).toEqual([printOf(leaf)]);
  });

  const forms: [string, string, string[]][] = [
    ['of today', 'pässwörd', []],
    ['as Windows wrote it (RC2, 3DES, SHA-1)', 'pässwörd', ['-legacy']],
    ['with an empty passphrase', '', []],
    ['without a MAC', 'x', ['-nomac']],
    ['with nothing encrypted', 'x', ['-keypbe', 'NONE', '-certpbe', 'NONE']],
  ];
  it.each(forms)(
    'opens one %s, of EC and of RSA keys, and puts the chain in order',
    async (_name, passphrase, words) => {
      for (const of of [leaf, rsa]) {
        writeFileSync(join(dir, 'leaf.pem'), bundlePEM(of, of.keyPEM));
        writeFileSync(join(dir, 'chain.pem'), bundlePEM(root, intermediate));
        openssl(
          ...'pkcs12 -export -in leaf.pem -certfile chain.pem -name server -out site.p12'.split(' '),
          '-passout',
          `pass:${passphrase}`,
          ...words,
        );
        const bytes = readFileSync(join(dir, 'site.p12'));
        const material = await read(bytes, undefined, passphrase === '' ? undefined : passphrase);
        expect(material).toMatchObject({ format: 'pkcs12', keyPEM: of.keyPEM });
        expect(prints(material)).toEqual([of, intermediate, root].map(printOf));
        if (passphrase === '' || words.length === 4) continue;
        expect(await refusal(read(bytes, undefined, 'wrong'))).toMatchObject({ code: 'TLS_PASSPHRASE' });
        expect((await refusal(read(bytes))).message).toBe(
          'read site.pem: it is encrypted: expected its passphrase, got none',
        );
      }
    },
  );

  it('leaves out what does not belong to the chain, and keeps every byte of an RSASSA-PSS signature', async () => {
    writeFileSync(join(dir, 'rsa.key'), rsa.keyPEM);
    openssl(
      ...'req -x509 -new -key rsa.key -subj /CN=pss -sigopt rsa_padding_mode:pss -sha256 -out pss.pem'.split(' '),
    );
    writeFileSync(join(dir, 'chain.pem'), bundlePEM(root, intermediate));
    openssl(...'pkcs12 -export -in pss.pem -inkey rsa.key -certfile chain.pem -out pss.p12 -passout pass:x'.split(' '));
    const material = await read(readFileSync(join(dir, 'pss.p12')), undefined, 'x');
    expect(prints(material)).toEqual([printOf({ pem: readFileSync(join(dir, 'pss.pem'), 'utf8') })]);
  });

  it('says that one without a certificate has none', async () => {
    writeFileSync(join(dir, 'leaf.key'), leaf.keyPEM);
    openssl(...'pkcs12 -export -nocerts -inkey leaf.key -out key.p12 -passout pass:x'.split(' '));
    const error = await refusal(read(readFileSync(join(dir, 'key.p12')), undefined, 'x'));
    expect(error).toMatchObject({
      code: 'TLS_NO_CERTIFICATE',
      message: 'read site.pem: expected a certificate, got a private key',
    });
  });

  it('names one that is cut off', async () => {
    const bytes = readFileSync(join(dir, 'site.p12'));
    expect(await refusal(read(bytes.subarray(0, 400), undefined, 'x'))).toMatchObject({ code: 'TLS_UNREADABLE' });
  });
});

describe('readMaterial, what is no certificate', () => {
  const block = (label: string, body = 'MAA=') => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
  const others: [string, string | Uint8Array, string, string][] = [
    ['an empty file', '', 'TLS_UNREADABLE', 'an empty file'],
    ['a web page', '<!DOCTYPE html>\n<html><body>Log in</body></html>', 'TLS_UNREADABLE', 'a web page'],
    ['a web page with a rule in it', '\n<html><!-- ----- --></html>', 'TLS_UNREADABLE', 'a web page'],
    ['a text', 'Dear customer,', 'TLS_UNREADABLE', 'text without a PEM block'],
    [
      'bytes of anything',
      Buffer.from([0x1f, 0x8b, 8, 0, 0xff, 0xfe]),
      'TLS_UNREADABLE',
      'bytes that are none of these',
    ],
    ['a huge file', Buffer.alloc(MAX_TLS_BYTES + 1, 45), 'TLS_UNREADABLE', '1048577 bytes, more than 1048576'],
    ['a megabyte of hyphens', `${'-'.repeat(MAX_TLS_BYTES - 1)}x`, 'TLS_UNREADABLE', 'text without a PEM block'],
    ['a request', block('CERTIFICATE REQUEST'), 'TLS_NO_CERTIFICATE', 'a request for one (CSR)'],
    ['a request of Windows', block('NEW CERTIFICATE REQUEST'), 'TLS_NO_CERTIFICATE', 'a request for one (CSR)'],
    ['a public key', block('PUBLIC KEY'), 'TLS_NO_CERTIFICATE', 'a public key'],
    ['a list of revoked ones', block('X509 CRL'), 'TLS_NO_CERTIFICATE', 'a list of revoked ones (CRL)'],
    ['PKCS#7', block('PKCS7'), 'TLS_NO_CERTIFICATE', 'PKCS#7 (.p7b)'],
    ['a damaged certificate', block('CERTIFICATE'), 'TLS_UNREADABLE', 'one that is cut off or damaged'],
    ['no base64', block('CERTIFICATE', 'M!A='), 'TLS_UNREADABLE', 'something else'],
    ['an empty block', block('CERTIFICATE', ''), 'TLS_UNREADABLE', 'something else'],
  ];
  it.each(others)('refuses %s in its own words', async (_name, bytes, code, got) => {
    const error = await refusal(read(bytes));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^read site\.pem/);
    expect(error.message).toContain(`got ${got}`);
  });

  it('refuses a store of authorities in the place of a chain', async () => {
    const error = await refusal(read([leaf.pem, ...systemRoots()].join('\n')));
    expect(error.message).toMatch(
      /^read site\.pem: expected a certificate and what stands above it, got \d{3} certificates$/,
    );
    expect(error.hint).toContain('--ca FILE');
  });

  it('says how PKCS#7 becomes PEM', async () => {
    expect((await refusal(read(block('PKCS7')))).hint).toContain('openssl pkcs7 -print_certs');
  });

  it('refuses a key where the certificate should be', async () => {
    expect(await refusal(read(leaf.keyPEM))).toMatchObject({
      message: 'read site.pem: expected a certificate, got a private key',
    });
    expect(await refusal(read(leaf.keyPEM, leaf.keyPEM))).toMatchObject({ code: 'TLS_NO_CERTIFICATE' });
    expect(await refusal(read(der(leaf.keyPEM)))).toMatchObject({ code: 'TLS_NO_CERTIFICATE' });
  });

  const lines = (edit: (all: string[]) => unknown) => () => {
    const all = bundlePEM(leaf, intermediate).split('\n');
    edit(all);
    return all.join('\n');
  };
  it.each([
    ['the first edge gone', lines((all) => all.shift())],
    ['the last edge gone', lines((all) => all.splice(-2))],
    ['the edges between gone', lines((all) => all.splice(all.indexOf('-----END CERTIFICATE-----'), 2))],
    ['hyphens of a word processor', lines((all) => all.splice(0, 1, '—–BEGIN CERTIFICATE—–'))],
    ['four hyphens', lines((all) => all.splice(0, 1, '----BEGIN CERTIFICATE-----'))],
    ['a line twice', lines((all) => all.splice(3, 0, all[3] as string))],
    ['a line gone', lines((all) => all.splice(3, 1))],
    [
      'bytes behind the certificate',
      () => block('CERTIFICATE', Buffer.concat([der(leaf.pem), Buffer.from([0, 0])]).toString('base64')),
    ],
  ])('refuses PEM with %s', async (_name, write) => {
    expect(await refusal(read(write()))).toMatchObject({ code: 'TLS_UNREADABLE' });
  });
});

describe('readRoots', () => {
  it('takes one or many, in PEM or DER, and passes over keys', async () => {
    expect(await readRoots(Buffer.from(bundlePEM(root, intermediate, leaf.keyPEM)), 'ca.pem')).toEqual([
      root.pem,
      intermediate.pem,
    ]);
    expect(await readRoots(der(root.pem), 'ca.der')).toEqual([root.pem]);
  });

  it('refuses what has none', async () => {
    expect(await refusal(readRoots(Buffer.from(leaf.keyPEM), 'ca.pem'))).toMatchObject({ code: 'TLS_NO_CERTIFICATE' });
    expect(await refusal(readRoots(Buffer.from('<html>'), 'ca.pem'))).toMatchObject({ code: 'TLS_UNREADABLE' });
  });
});
