/**
 * Files for one site (age-encryption.org/v1, X25519): what the office seals only the holder of the identity opens, and
 * Debian's `age -d -i` does too. age proves nothing about the sender: the digest of the ciphertext is signed elsewhere.
 */
import { SealError } from './error.ts';

const NOT_OURS = "no identity matched any of the file's recipients";
/** The one kind that every age opens: the hybrid and hardware kinds that the library knows too, Debian's does not. */
const IDENTITY = /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/;
/** Where a header ends. */
const HEADER_END = '\n--- ';
/** Some hundred recipients. Each costs a multiplication, and a licence may be anybody's file: megabytes took ten seconds. */
const MAX_HEADER_BYTES = 64 * 1024;
const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;

/** What sealing adds to the bytes at the most, for a plaintext of up to 64 MiB: a header, and 16 bytes for each 64 KiB. */
export const MAX_SEAL_BYTES = 64 * 1024;

/** How every sealed file begins. */
const VERSION_LINE = Buffer.from('age-encryption.org/v1\n');

/** Both halves of a site's key: the secret one and the one that may travel. */
export interface AgeIdentity {
  /** `AGE-SECRET-KEY-1…` */
  readonly identity: string;
  /** `age1…` */
  readonly recipient: string;
}

/** A new identity. */
export async function generateIdentity(): Promise<AgeIdentity> {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption');
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** The public half. @throws {SealError} `SEAL_INVALID` when it is no identity; what it was is not quoted */
export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await import('age-encryption');
  try {
    if (IDENTITY.test(identity)) return await identityToRecipient(identity);
  } catch {
    // its checksum; what it was is in no message, and so in no cause either
  }
  throw new SealError('read age identity: expected AGE-SECRET-KEY-1…, got something else', { code: 'SEAL_INVALID' });
}

/** Whether a text is the public half of a site's key. */
export async function isRecipient(text: string): Promise<boolean> {
  if (!RECIPIENT.test(text)) return false;
  const { Encrypter } = await import('age-encryption');
  try {
    new Encrypter().addRecipient(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether bytes are a sealed file, by how they begin. */
export function isSealed(bytes: Uint8Array): boolean {
  return VERSION_LINE.equals(bytes.subarray(0, VERSION_LINE.length));
}

/** Seals bytes for one recipient. Each time the result is another. @throws {Error} when it is no recipient: see {@link isRecipient} */
export async function sealFor(bytes: Uint8Array, recipient: string): Promise<Uint8Array> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(bytes);
}

/**
 * Opens what was sealed for this identity.
 * @throws {SealError} `NOT_FOR_US` when it is for others; `SEAL_INVALID` when it is no such file, or was changed, or the
 *   identity is none.
 */
export async function openSealed(bytes: Uint8Array, identity: string): Promise<Uint8Array> {
  await recipientOf(identity); // the library would quote one that it cannot read
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER_BYTES));
  if (!head.includes(HEADER_END)) {
    throw new SealError(`open sealed file: expected a header of at most ${MAX_HEADER_BYTES} bytes, got a longer one`, {
      code: 'SEAL_INVALID',
    });
  }
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  try {
    return await decrypter.decrypt(bytes);
  } catch (cause) {
    // age tells by words alone
    if (cause instanceof Error && cause.message === NOT_OURS) {
      throw new SealError('open sealed file: expected one that is sealed for this site, got one for another', {
        code: 'NOT_FOR_US',
        cause,
      });
    }
    throw new SealError('open sealed file: expected it as it was written, got it changed or cut off', {
      code: 'SEAL_INVALID',
      cause,
    });
  }
}
