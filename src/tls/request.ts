/**
 * A key that is made here and stays here, and the request that goes out for it (PKCS#10, RFC 2986). Node.js cannot make
 * one: @peculiar/x509 does, and is loaded only when one is made or read.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { endOf } from './der.ts';
import { TLSError } from './error.ts';
import { spkiOf } from './facts.ts';
import { kindOfKey } from './key.ts';
import { canonicalIP, parseServerName } from './name.ts';
import { findText, formatPEM, readPEM } from './pem.ts';

export interface MakeRequestOptions {
  /** Secret. */
  readonly keyPEM: string;
  /** DNS names; the first is the common name. */
  readonly names: readonly string[];
  readonly ips: readonly string[];
}

export interface CertificateRequest {
  readonly csrPEM: string;
  readonly csrDER: Buffer;
}

/** What a request may weigh: it travels in the site card. */
const MAX_REQUEST_BYTES = 64 * 1024;

/** RFC 5280 appendix A: ub-common-name. */
const MAX_COMMON_NAME = 64;

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** A new EC key on P-256, PKCS#8 in PEM. Secret. */
export async function makeKey(): Promise<{ readonly keyPEM: string; readonly spki: string }> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'prime256v1' });
  const keyPEM = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { keyPEM, spki: spkiOf(keyPEM) };
}

/**
 * The request for a certificate of these names, signed with the key. Two of the same differ in their signature.
 * @throws {TLSError} `TLS_NAME_INVALID`, `TLS_KEY_WEAK`
 */
export async function makeRequest({ keyPEM, names, ips }: MakeRequestOptions): Promise<CertificateRequest> {
  const all = [...new Set([...names, ...ips].map(parseServerName))];
  if (all.length === 0) throw new RangeError('a request is for at least one name');
  const key = createPrivateKey(keyPEM);
  const signingAlgorithm = algorithmOf(key);
  const x509 = await load();
  const common = all.find((name) => name.length <= MAX_COMMON_NAME);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: common === undefined ? [] : [{ CN: [common] }],
      keys: {
        privateKey: key.toCryptoKey(signingAlgorithm, true, ['sign']),
        publicKey: createPublicKey(key).toCryptoKey(signingAlgorithm, true, ['verify']),
      },
      signingAlgorithm,
      extensions: [
        new x509.SubjectAlternativeNameExtension(all.map(generalName)),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([SERVER_AUTH]),
      ],
    },
    webcrypto,
  );
  const csrDER = Buffer.from(request.rawData);
  return { csrDER, csrPEM: formatPEM('CERTIFICATE REQUEST', csrDER) };
}

/** Whether bytes are a request that {@link readRequest} reads. */
export async function isRequest(bytes: Uint8Array): Promise<boolean> {
  try {
    await readRequest(bytes);
    return true;
  } catch (error) {
    if (error instanceof TLSError) return false;
    throw error;
  }
}

/**
 * What a request asks for, its signature verified: whoever made it has the key.
 * @param request PEM or DER
 * @param what names it in errors
 * @throws {TLSError} `TLS_UNREADABLE`
 */
export async function readRequest(
  request: Uint8Array | string,
  what = 'the request',
): Promise<{ readonly names: readonly string[]; readonly spki: string }> {
  const der = derOf(request, what);
  if (endOf(der) !== der.length) throw unreadable(what, 'something else, or one that is cut off');
  const x509 = await load();
  try {
    const read = new x509.Pkcs10CertificateRequest(der);
    if (!(await read.verify(webcrypto))) throw unreadable(what, 'one whose signature does not fit');
    const [extension] = read.extensions.filter((one) => one instanceof x509.SubjectAlternativeNameExtension);
    const names = extension?.names.toJSON() ?? [];
    const named = names.flatMap(({ type, value }) => (type === 'dns' || type === 'ip' ? parseServerName(value) : []));
    return {
      names: [...new Set(named)],
      spki: createHash('sha256').update(Buffer.from(read.publicKey.rawData)).digest('hex'),
    };
  } catch (error) {
    if (error instanceof TLSError && error.code === 'TLS_UNREADABLE') throw error;
    throw unreadable(what, error instanceof TLSError ? 'one for a name that is none' : 'one that is damaged');
  }
}

async function load() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

function generalName(name: string): { type: 'dns' | 'ip'; value: string } {
  return { type: canonicalIP(name) === undefined ? 'dns' : 'ip', value: name };
}

function algorithmOf(key: KeyObject): { name: string; hash: string; namedCurve?: string } {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (namedCurve === 'prime256v1') return { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' };
  if (namedCurve === 'secp384r1') return { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' };
  throw new TLSError(`make a request: expected a key of RSA, EC P-256 or P-384, got ${kindOfKey(key)}`, {
    code: 'TLS_KEY_WEAK',
  });
}

function derOf(request: Uint8Array | string, what: string): Buffer {
  if (request.length > MAX_REQUEST_BYTES) throw unreadable(what, `more than ${MAX_REQUEST_BYTES} bytes`);
  const text = typeof request === 'string' ? request : findText(request);
  if (text?.includes('-----') !== true) return Buffer.from(request as Uint8Array);
  const blocks = readPEM(text, what).filter(({ label }) => label.endsWith('CERTIFICATE REQUEST'));
  const [only, ...others] = blocks;
  if (only === undefined || others.length > 0) throw unreadable(what, `${blocks.length} of them`);
  return only.bytes;
}

function unreadable(what: string, got: string): TLSError {
  return new TLSError(`read ${what}: expected a request for a certificate (PKCS#10), got ${got}`, {
    code: 'TLS_UNREADABLE',
    hint: 'make it anew at the site: `ferry tls request --name NAME --out site.csr`',
  });
}
