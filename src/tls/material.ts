/** What a person brings: a certificate, what stands above it, and mostly its key. */
import type { X509Certificate } from 'node:crypto';
import { TLSError } from './error.ts';

/** What any of the files may weigh. */
export const MAX_TLS_BYTES = 1024 ** 2;

/** Read, and nothing of it judged yet. */
export interface Material {
  /** The leaf first, as the file has them; of PKCS#12 put in order. Never empty. */
  readonly chain: readonly X509Certificate[];
  /** PKCS#8 in PEM, unencrypted; left out where the key is elsewhere. Secret. */
  readonly keyPEM?: string;
  readonly format: 'pem' | 'der' | 'pkcs12';
}

export interface ReadMaterialOptions {
  readonly cert: Uint8Array;
  /** Names {@link cert} in errors: a path. */
  readonly certWhat: string;
  /** The key where it is a file of its own: PEM or DER. */
  readonly key?: Uint8Array | undefined;
  /** @default `the key` */
  readonly keyWhat?: string | undefined;
  /** Of an encrypted key or PKCS#12; the empty one is tried without being asked. */
  readonly passphrase?: string | undefined;
}

/**
 * Reads a certificate with its chain, and the key if one is there.
 * @throws {TLSError} `TLS_UNREADABLE`, `TLS_NO_CERTIFICATE`, `TLS_PASSPHRASE`
 */
export async function readMaterial({ certWhat }: ReadMaterialOptions): Promise<Material> {
  throw new TLSError(`read ${certWhat}: not written yet`, { code: 'TLS_UNREADABLE' });
}
