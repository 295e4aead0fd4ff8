/**
 * The receipt: what an import did, signed by the site's key. It names the engine, every image by its ID, every file by
 * its digest, and each rule that was overridden and why. No secret is in it. FORMAT §4.
 */

import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { isErrno } from '../../content/index.ts';
import type { EngineFacts } from '../../docker/index.ts';
import { FORMAT, MIN_FERRY } from '../../manifest/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import { signEnvelope } from '../../trust/index.ts';

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
  readonly action: 'installed' | 'same' | 'kept';
  readonly digest: Digest;
}

/** A certificate that was put into use: what everybody sees of it. */
export interface ReceiptCertificate {
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly notAfter: string;
  readonly issuer: string;
  /** SHA-256 of the certificate, 64 hex digits. */
  readonly fingerprint: string;
}

/** What a receipt tells of a certificate. */
export function receiptFacts({
  names,
  notAfter,
  issuer,
  fingerprint,
}: Omit<ReceiptCertificate, 'notAfter'> & { readonly notAfter: Date }): ReceiptCertificate {
  return { names, notAfter: notAfter.toISOString(), issuer, fingerprint };
}

/** All of a receipt but its signature and the moment it was signed: what the journal holds of it. */
export interface ReceiptFacts {
  readonly product: string;
  /** As signed, without the sequence; empty for what was here before the first import. */
  readonly release: string;
  readonly sequence: number;
  readonly result: 'installed' | 'rolled-back';
  /** ISO 8601. */
  readonly started: string;
  readonly engine: ReceiptEngine;
  readonly images: readonly ReceiptImage[];
  readonly files: readonly ReceiptFile[];
  /** Afterwards. */
  readonly floors: { readonly release: number; readonly catalogue: number; readonly root: number };
  readonly overrides: readonly Override[];
  /** What was installed before: a sequence, 0 for what was here before the first import. */
  readonly previous: number;
  /** Name of the overlay whose files of this site came along. */
  readonly overlay?: string;
  /** The certificate that it has put into use. */
  readonly tls?: ReceiptCertificate;
  readonly operator: Operator;
}

/** Which engine it was. */
export type ReceiptEngine = Pick<
  EngineFacts,
  'socket' | 'id' | 'name' | 'version' | 'apiVersion' | 'store' | 'rootless'
>;

/** Who ran it. `loginuid` is the login behind sudo, as the kernel's audit knows it. */
export interface Operator {
  readonly loginuid?: number;
  readonly user: string;
}

/** What of an engine's facts a receipt tells. */
export function receiptEngine({ socket, id, name, version, apiVersion, store, rootless }: EngineFacts): ReceiptEngine {
  return { socket, id, name, version, apiVersion, store, rootless };
}

export interface SignReceiptOptions {
  readonly identity: SiteIdentity;
  readonly now: Date;
  /** `performance.now()` at `now`. */
  readonly began: number;
  /** Whether another process than the one that began it signs. @default false */
  readonly isRecovery?: boolean;
  /** The head of the audit log now: a log that is cut at its end later no longer has it. */
  readonly auditHead?: string;
}

/** The bytes of receipt.json. */
export function signReceipt(
  facts: ReceiptFacts,
  { identity, now, began, isRecovery, auditHead }: SignReceiptOptions,
): Buffer {
  const signed = {
    ...facts,
    type: 'receipt',
    format: FORMAT,
    minFerry: MIN_FERRY,
    site: identity.site,
    finished: new Date(now.getTime() + Math.round(performance.now() - began)).toISOString(),
    ...(isRecovery && { recovered: true }),
    ...(auditHead !== undefined && { audit: { head: auditHead } }),
  };
  return signEnvelope(signed, identity.privatePEM);
}

/** Who runs this process. */
export async function findOperator(): Promise<Operator> {
  const loginuid = await findLoginUID();
  return { user: userInfo().username, ...(loginuid !== undefined && { loginuid }) };
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
