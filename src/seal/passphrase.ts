/**
 * Files under an age passphrase (age-encryption.org/v1, scrypt), readable by `age -d` too: the office's private keys.
 * Scrypt takes a second and 256 MiB on purpose. Nothing here proves who sealed a file; whoever opens it knows the words.
 */
import { SealError } from './error.ts';

const HEADER = 'age-encryption.org/v1\n-> ';
const NOT_OURS = "no identity matched any of the file's recipients";

export interface SealOptions {
  /** Base-2 logarithm of scrypt's work. Lower only in tests. @default 18 */
  readonly workFactor?: number;
}

/** Seals bytes under a passphrase. @throws {RangeError} when it is empty */
export async function sealWithPassphrase(
  bytes: Uint8Array,
  passphrase: string,
  { workFactor = 18 }: SealOptions = {},
): Promise<Uint8Array> {
  if (passphrase === '') throw new RangeError('an empty passphrase seals nothing');
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return encrypter.encrypt(bytes);
}

/**
 * Opens what was sealed under a passphrase.
 * @throws {SealError} `WRONG_PASSPHRASE`; `SEAL_INVALID` when it is no such file, or was changed since.
 */
export async function openWithPassphrase(bytes: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const isScrypt = Buffer.from(bytes.subarray(0, HEADER.length + 7)).toString('latin1') === `${HEADER}scrypt `;
  if (!isScrypt)
    throw new SealError('open sealed file: expected an age passphrase file, got another', { code: 'SEAL_INVALID' });
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(bytes);
  } catch (cause) {
    // age tells by words alone; every other failure is damage, since only this one comes before the file's own checks
    if (cause instanceof Error && cause.message === NOT_OURS) {
      throw new SealError('open sealed file: expected its passphrase, got another', {
        code: 'WRONG_PASSPHRASE',
        cause,
      });
    }
    throw new SealError('open sealed file: expected it as it was written, got it changed or cut off', {
      code: 'SEAL_INVALID',
      cause,
    });
  }
}
