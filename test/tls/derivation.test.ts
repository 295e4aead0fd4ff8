/** A file says how much work opening it is: what would take hours is refused before it begins. */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readMaterial } from '../../src/tls/index.ts';
import { makeRoot } from '../support/pki.ts';

/** PBES2 by PBKDF2, salt of eight bytes, 2^31 - 1 iterations, AES-256-CBC. */
const PARAMS = '30100408010203040506070802047fffffff';
const KDF = `301d06092a864886f70d01050c${PARAMS}`;
const CIPHER = `301d060960864801650304012a0410${'00'.repeat(16)}`;
const ALGORITHM = `304b06092a864886f70d01050d303e${KDF}${CIPHER}`;
const KEY = Buffer.from(`305f${ALGORITHM}0410${'00'.repeat(16)}`, 'hex');

it('a key that would be derived for hours is refused at once', async () => {
  const { pem } = await makeRoot();
  const reading = readMaterial({ cert: Buffer.from(pem), certWhat: 'site.pem', key: KEY, passphrase: 'x' });
  await expect(reading).rejects.toThrow(/takes minutes/);
});

it('so is a PKCS#12 file', async () => {
  const { pem, keyPEM } = await makeRoot();
  const dir = await mkdtemp(join(tmpdir(), 'ferry-p12-'));
  const [site, out] = [join(dir, 'site.pem'), join(dir, 'site.p12')];
  const forms = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-iter', '510000', '-nomac'];
  try {
    await writeFile(site, pem + keyPEM);
    await promisify(execFile)('openssl', [
      'pkcs12',
      '-export',
      '-in',
      site,
      '-passout',
      'pass:x',
      '-out',
      out,
      ...forms,
    ]);
    const reading = readMaterial({ cert: await readFile(out), certWhat: 'site.p12', passphrase: 'x' });
    await expect(reading).rejects.toThrow(/takes minutes/);
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('a certificate with a date that is none is no certificate', async () => {
  const { pem } = await makeRoot('Dated', { days: 3650 });
  const der = Buffer.from(new X509Certificate(pem).raw);
  const { validToDate } = new X509Certificate(pem);
  const text = `${validToDate.toISOString().replaceAll(/\D/g, '').slice(2, 14)}Z`;
  der.write('99', der.indexOf(text) + 2); // its month
  expect(() => new X509Certificate(der)).not.toThrow();
  await expect(readMaterial({ cert: der, certWhat: 'site.der' })).rejects.toThrow(/site\.der/);
});
