/**
 * What a person brings: a certificate, what stands above it, and mostly its key; as PEM in one file or two, as DER, or as
 * PKCS#12. Read only, nothing of it judged. What is written later is written anew from what was read here.
 */
import type { X509Certificate } from 'node:crypto';
import { createPrivateKey } from 'node:crypto';
import { eachOnce, findCertificate } from './certificate.ts';
import { issuedBy } from './chain.ts';
import { TLSError } from './error.ts';
import { findKeyInDER, isKeyBlock, keyOfBlock } from './key.ts';
import { findText, type PEMBlock, readPEM } from './pem.ts';
import { isPKCS12, readPKCS12 } from './pkcs12.ts';

/** What any of the files may weigh. */
export const MAX_TLS_BYTES = 1024 ** 2;

/** Longer chains than any that is used: whoever brings more brings a store of authorities. */
const MAX_CHAIN = 20;

/** Read, and nothing of it judged yet. */
export interface Material {
  /** The leaf first, as the file has them; of PKCS#12 put in order. Each once, never empty. */
  readonly chain: readonly X509Certificate[];
  /** PKCS#8 in PEM, unencrypted; left out where the key is elsewhere. Secret. */
  readonly keyPEM?: string;
  readonly format: 'pem' | 'der' | 'pkcs12';
}

export interface ReadMaterialOptions {
  readonly cert: Uint8Array;
  /** Names {@link cert} in errors: a path. */
  readonly certWhat: string;
  /** The key where it is a file of its own: PEM or DER. It goes before one beside the certificate. */
  readonly key?: Uint8Array | undefined;
  /** @default `the key` */
  readonly keyWhat?: string | undefined;
  /** Of an encrypted key or PKCS#12. @default the empty one is tried */
  readonly passphrase?: string | undefined;
}

/**
 * Reads a certificate with its chain, and the key if one is there.
 * @throws {TLSError} `TLS_UNREADABLE`, `TLS_NO_CERTIFICATE`, `TLS_PASSPHRASE`
 */
export async function readMaterial(options: ReadMaterialOptions): Promise<Material> {
  const { cert, certWhat: what, key, keyWhat = 'the key', passphrase } = options;
  const { format, certificates, keys, got } = await readAll(cert, { what, passphrase, skipKeys: key !== undefined });
  if (certificates.length === 0) throw noCertificate(what, got);
  if (certificates.length > MAX_CHAIN) {
    const count = `expected a certificate and what stands above it, got ${certificates.length} certificates`;
    throw new TLSError(`read ${what}: ${count}`, {
      code: 'TLS_UNREADABLE',
      hint: "leave the server's own and its intermediates: a store of authorities goes with --ca FILE",
    });
  }
  const all = key === undefined ? keys : await readKeys(key, { what: keyWhat, passphrase });
  const keyPEM =
    all.find((one) => fits(one, certificates[0] as X509Certificate)) ??
    all.find((one) => certificates.some((each) => fits(one, each))) ??
    all[0];
  const chain = format === 'pkcs12' ? inOrder(certificates, keyPEM) : certificates;
  return { chain, format, ...(keyPEM !== undefined && { keyPEM }) };
}

/**
 * Reads authorities: one or many certificates, PEM or DER. PEM of each.
 * @throws {TLSError} `TLS_UNREADABLE`, `TLS_NO_CERTIFICATE`
 */
export async function readRoots(bytes: Uint8Array, what: string): Promise<readonly string[]> {
  const { certificates, got } = await readAll(bytes, { what, skipKeys: true });
  if (certificates.length === 0) throw noCertificate(what, got);
  return certificates.map((one) => one.toString());
}

interface Read {
  readonly format: Material['format'];
  readonly certificates: readonly X509Certificate[];
  readonly keys: readonly string[];
  /** What is there, in words. */
  readonly got: string;
}

async function readKeys(
  bytes: Uint8Array,
  options: { readonly what: string; readonly passphrase: string | undefined },
): Promise<readonly string[]> {
  const { keys, got } = await readAll(bytes, { ...options, skipKeys: false });
  if (keys.length > 0) return keys;
  throw new TLSError(`read ${options.what}: expected a private key, got ${got}`, {
    code: 'TLS_UNREADABLE',
    hint: 'give the private key that the request was made with',
  });
}

interface ReadOptions {
  readonly what: string;
  readonly passphrase?: string | undefined;
  /** Keys are elsewhere: those here are not opened. */
  readonly skipKeys: boolean;
}

async function readAll(bytes: Uint8Array, options: ReadOptions): Promise<Read> {
  const { what } = options;
  if (bytes.length > MAX_TLS_BYTES) throw unreadable(what, `${bytes.length} bytes, more than ${MAX_TLS_BYTES}`);
  if (bytes.length === 0) throw unreadable(what, 'an empty file');
  if (isPKCS12(bytes)) {
    const { certificates, keys } = await readPKCS12(bytes, options);
    const got = keys.length > 0 ? 'a private key' : 'PKCS#12 with nothing in it';
    return { format: 'pkcs12', certificates: eachOnce(certificates), keys, got };
  }
  const text = findText(bytes);
  return text?.includes('-----') ? readText(text, options) : readDER(bytes, { ...options, text });
}

function readText(text: string, { what, passphrase, skipKeys }: ReadOptions): Read {
  const blocks = readPEM(text, what);
  if (blocks.length === 0) throw unreadable(what, isPage(text) ? 'a web page' : 'text without a PEM block');
  const certificates = blocks.filter(isCertificateBlock).map((block, at) => {
    const certificate = findCertificate(block.bytes);
    if (certificate === undefined) throw unreadable(`${what}: certificate ${at + 1}`, 'one that is cut off or damaged');
    return certificate;
  });
  const keys = skipKeys ? [] : blocks.filter(isKeyBlock).map((block) => keyOfBlock(block, { what, passphrase }));
  return { format: 'pem', certificates: eachOnce(certificates), keys, got: labelsOf(blocks) };
}

function readDER(
  bytes: Uint8Array,
  { what, passphrase, text }: ReadOptions & { readonly text: string | undefined },
): Read {
  if (text !== undefined) throw unreadable(what, isPage(text) ? 'a web page' : 'text without a PEM block');
  const certificate = findCertificate(bytes);
  if (certificate) return { format: 'der', certificates: [certificate], keys: [], got: 'a certificate' };
  const key = findKeyInDER(bytes, { what, passphrase });
  if (key !== undefined) return { format: 'der', certificates: [], keys: [key], got: 'a private key' };
  throw unreadable(what, 'bytes that are none of these, or are cut off or damaged');
}

/** From the certificate of the key upwards, else from the one that is no authority's; what leads nowhere is left out. */
function inOrder(certificates: readonly X509Certificate[], keyPEM: string | undefined): X509Certificate[] {
  const leaf =
    certificates.find((one) => keyPEM !== undefined && fits(keyPEM, one)) ??
    certificates.find((one) => !one.ca) ??
    (certificates[0] as X509Certificate);
  const chain = [leaf];
  for (let top: X509Certificate | undefined = leaf; top; ) {
    const below: X509Certificate = top;
    top = certificates.find((one) => !chain.includes(one) && issuedBy(below, one));
    if (top) chain.push(top);
  }
  return chain;
}

function fits(keyPEM: string, certificate: X509Certificate): boolean {
  return certificate.checkPrivateKey(createPrivateKey(keyPEM));
}

function isCertificateBlock({ label }: PEMBlock): boolean {
  return label === 'CERTIFICATE' || label === 'X509 CERTIFICATE';
}

const SAID: Readonly<Record<string, string>> = {
  CERTIFICATE: 'a certificate',
  'X509 CERTIFICATE': 'a certificate',
  'CERTIFICATE REQUEST': 'a request for one (CSR)',
  'NEW CERTIFICATE REQUEST': 'a request for one (CSR)',
  'PUBLIC KEY': 'a public key',
  'RSA PUBLIC KEY': 'a public key',
  'X509 CRL': 'a list of revoked ones (CRL)',
  PKCS7: 'PKCS#7 (.p7b)',
  CMS: 'PKCS#7 (.p7b)',
  'TRUSTED CERTIFICATE': "one in a form of OpenSSL's own (TRUSTED CERTIFICATE)",
};

function labelsOf(blocks: readonly PEMBlock[]): string {
  return [
    ...new Set(blocks.map((block) => SAID[block.label] ?? (isKeyBlock(block) ? 'a private key' : block.label))),
  ].join(' and ');
}

function isPage(text: string): boolean {
  return /^\s*<(?:!doctype\s+html|html|head|body)\b/i.test(text);
}

function unreadable(what: string, got: string): TLSError {
  return new TLSError(`read ${what}: expected PEM, DER or PKCS#12, got ${got}`, { code: 'TLS_UNREADABLE' });
}

function noCertificate(what: string, got: string): TLSError {
  const convert = got.includes('PKCS#7') && 'write it as PEM: `openssl pkcs7 -print_certs -in FILE -out chain.pem`';
  return new TLSError(`read ${what}: expected a certificate, got ${got}`, {
    code: 'TLS_NO_CERTIFICATE',
    ...(convert && { hint: convert }),
  });
}
