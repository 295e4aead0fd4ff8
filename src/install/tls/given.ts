/** The files that an operator names for a certificate: the chain, its key, the authority it ends at. */

import { basename } from 'node:path';
import { MAX_TLS_BYTES, type Material, readMaterial, readRoots, TLSError } from '../../tls/index.ts';
import { readNamedFile } from '../files/named-file.ts';

/** As they were typed. */
export interface GivenPaths {
  /** PEM, DER or PKCS#12. */
  readonly cert: string;
  readonly key?: string | undefined;
  /** The authority's own certificate. */
  readonly ca?: string | undefined;
  /** Of an encrypted key or PKCS#12. */
  readonly passphrase?: string | undefined;
}

/** Read, and nothing of it judged. */
export interface GivenMaterial {
  readonly material: Material;
  /** PEM. */
  readonly roots: readonly string[];
  /** Names the certificate in errors. */
  readonly what: string;
}

/** @throws {TLSError} as `readMaterial`; and what the file system says */
export async function readGiven({ cert, key, ca, passphrase }: GivenPaths): Promise<GivenMaterial> {
  const what = basename(cert);
  const ofKey = key === undefined ? {} : { key: await read(key), keyWhat: basename(key) };
  const material = await readMaterial({ cert: await read(cert), certWhat: what, ...ofKey, passphrase });
  return { material, roots: ca === undefined ? [] : await readRoots(await read(ca), basename(ca)), what };
}

async function read(path: string): Promise<Buffer> {
  return readNamedFile(path, { max: MAX_TLS_BYTES, tooLarge });
}

function tooLarge(path: string): TLSError {
  return new TLSError(`read ${basename(path)}: expected at most 1 MiB, got more`, { code: 'TLS_UNREADABLE' });
}
