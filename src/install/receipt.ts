/**
 * The receipt: what an import did, signed by the site's key. It names the engine, every image by its ID, every file by
 * its digest, and each rule that was overridden and why. No secret is in it. FORMAT §4.
 */

import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { isErrno } from '../content/index.ts';
import type { EngineFacts } from '../docker/index.ts';
import { FORMAT, MIN_FERRY } from '../manifest/index.ts';
import type { Digest } from '../oci/index.ts';
import type { SiteIdentity } from '../site/index.ts';
import { openEnvelope, type PublicKey, signEnvelope } from '../trust/index.ts';

/** A rule that was set aside. */
export interface Override {
  readonly flag: string;
  readonly reason: string;
}

/** An image as the import left it. */
export interface ReceiptImage {
  readonly name: string;
  readonly action: 'loaded' | 'present';
  readonly imageID: string;
}

/** A file as the import left it. */
export interface ReceiptFile {
  readonly path: string;
  readonly action: 'installed' | 'same';
  readonly digest: Digest;
}

export interface ReceiptOptions {
  readonly identity: SiteIdentity;
  readonly product: string;
  /** As signed, without the sequence. */
  readonly release: string;
  readonly sequence: number;
  readonly started: Date;
  readonly finished: Date;
  readonly engine: EngineFacts;
  readonly images: readonly ReceiptImage[];
  readonly files: readonly ReceiptFile[];
  /** After this import. */
  readonly floors: { readonly release: number; readonly catalogue: number; readonly root: number };
  readonly overrides: readonly Override[];
  /** The sequence that was installed before; absent at the first import. */
  readonly previous: number | undefined;
  readonly operator: Operator;
}

/** Who ran it. `loginuid` is the login behind sudo, as the kernel's audit knows it. */
export interface Operator {
  readonly loginuid: number | undefined;
  readonly user: string;
}

/** The bytes of receipt.json. */
export function signReceipt(options: ReceiptOptions): Buffer {
  const { identity, started, finished, engine, previous, operator, ...rest } = options;
  const { socket, id, name, version, apiVersion, store, rootless } = engine;
  const signed = {
    ...rest,
    type: 'receipt',
    format: FORMAT,
    minFerry: MIN_FERRY,
    site: identity.site,
    result: 'installed',
    started: started.toISOString(),
    finished: finished.toISOString(),
    engine: { socket, id, name, version, apiVersion, store, rootless },
    operator: { user: operator.user, ...(operator.loginuid !== undefined && { loginuid: operator.loginuid }) },
    ...(previous !== undefined && { previous }),
  };
  return signEnvelope(signed, identity.privatePEM);
}

/** What `status` needs of a receipt. */
export interface ReceiptView {
  readonly finished: string;
  readonly images: readonly { readonly name: string; readonly imageID: string }[];
}

/** Reads a receipt of this site. @throws {TrustError} `ENVELOPE_INVALID`, `SIGNATURE_INVALID` */
export function readReceipt(bytes: Uint8Array, key: PublicKey): ReceiptView {
  const content = openEnvelope(bytes, key, 'receipt');
  // only this site's own key can have signed it, so its form is ours
  const { finished, images } = content as unknown as ReceiptView;
  return { finished, images };
}

/** Who runs this process. */
export async function findOperator(): Promise<Operator> {
  return { loginuid: await findLoginUID(), user: userInfo().username };
}

const UNSET_UID = 0xffff_ffff;

async function findLoginUID(): Promise<number | undefined> {
  try {
    const uid = Number(await readFile('/proc/self/loginuid', 'utf8'));
    return uid === UNSET_UID ? undefined : uid;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}
