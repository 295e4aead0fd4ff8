/** A file says how much work opening it is: what would take hours is refused before it begins. */
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
