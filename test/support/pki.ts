/**
 * A small private PKI in memory: a root, an intermediate, and certificates of servers with whatever is wrong about them
 * that a test wants. Made with @peculiar/x509, which also makes what openssl will not: past dates, a CA without the
 * extension, a leaf without names.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

type CryptoKeyPair = webcrypto.CryptoKeyPair;
type CryptoKey = webcrypto.CryptoKey;

export interface Issued {
  readonly pem: string;
  /** PKCS#8. */
  readonly keyPEM: string;
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

export interface Authority extends Issued {
  /** The certificate of a server, or of whatever `options` make it. */
  issue(options?: IssueOptions): Promise<Issued>;
  /** An authority below this one. */
  intermediate(name?: string): Promise<Authority>;
}

export interface IssueOptions {
  /** Of the subject. @default the first name, else `server` */
  readonly commonName?: string;
  /** DNS names. @default ['atrium.test'] unless `ips` are given */
  readonly names?: readonly string[];
  readonly ips?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** @default 'P-256' */
  readonly key?: 'P-256' | 'P-384' | 'RSA-2048' | 'RSA-1024' | 'Ed25519';
  /** Of the signature; an authority with an RSA key has its own. @default 'SHA-256' */
  readonly hash?: 'SHA-256' | 'SHA-384' | 'SHA-1';
  /** @default false */
  readonly isCA?: boolean;
  /** OIDs; `[]` for no extension. @default serverAuth */
  readonly usages?: readonly string[];
  /** The key that the certificate is for, of an earlier one or of a request. @default a new one */
  readonly keys?: CryptoKeyPair;
  readonly publicKey?: x509.PublicKeyType;
}

const DAY = 86_400_000;
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** A root of its own. @param days from now, and as many before */
export async function makeRoot(
  name = 'Test Root',
  { key = 'P-256', days = 3650 }: { readonly key?: NonNullable<IssueOptions['key']>; readonly days?: number } = {},
): Promise<Authority> {
  const keys = await makeKeys(key);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}`,
    notBefore: new Date(now - days * DAY),
    notAfter: new Date(now + days * DAY),
    signingAlgorithm: signingOf(keys, 'SHA-256'),
    keys,
    extensions: await authorityExtensions(keys.publicKey),
  });
  return authorityOf(await issuedOf(certificate, keys));
}

/** PEM of several, one below the other. */
export function bundlePEM(...parts: readonly (Pick<Issued, 'pem'> | string)[]): string {
  return parts.map((part) => (typeof part === 'string' ? part : part.pem)).join('');
}

/** What was issued as an authority, whether it may be one or not. */
export function authorityOf(self: Issued): Authority {
  return {
    ...self,
    issue: (options = {}) => issue(self, options),
    intermediate: async (name = 'Test Intermediate') => {
      const keys = await makeKeys('P-256');
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: `CN=${name}`,
        issuer: self.certificate.subject,
        notBefore: self.certificate.notBefore,
        notAfter: self.certificate.notAfter,
        signingKey: self.keys.privateKey,
        signingAlgorithm: signingOf(self.keys, 'SHA-256'),
        publicKey: keys.publicKey,
        extensions: await authorityExtensions(keys.publicKey),
      });
      return authorityOf(await issuedOf(certificate, keys));
    },
  };
}

async function issue(by: Issued, options: IssueOptions): Promise<Issued> {
  const { ips = [], names = ips.length > 0 ? [] : ['atrium.test'], key = 'P-256', hash = 'SHA-256' } = options;
  const keys = options.keys ?? (await makeKeys(key));
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${options.commonName ?? names[0] ?? 'server'}`,
    issuer: by.certificate.subject,
    notBefore: options.notBefore ?? new Date(now - DAY),
    notAfter: options.notAfter ?? new Date(now + 90 * DAY),
    signingKey: by.keys.privateKey,
    signingAlgorithm: signingOf(by.keys, hash),
    publicKey: options.publicKey ?? keys.publicKey,
    extensions: serverExtensions({ ...options, names, ips }),
  });
  return issuedOf(certificate, keys);
}

function serverExtensions({ names = [], ips = [], isCA = false, usages = [SERVER_AUTH] }: IssueOptions) {
  const all = [
    ...names.map((value) => ({ type: 'dns' as const, value })),
    ...ips.map((value) => ({ type: 'ip' as const, value })),
  ];
  return [
    new x509.BasicConstraintsExtension(isCA, undefined, true),
    ...(usages.length > 0 ? [new x509.ExtendedKeyUsageExtension([...usages])] : []),
    ...(all.length > 0 ? [new x509.SubjectAlternativeNameExtension(all)] : []),
  ];
}

async function authorityExtensions(publicKey: CryptoKey) {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

const ALGORITHMS = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256' },
  'P-384': { name: 'ECDSA', namedCurve: 'P-384' },
  'RSA-2048': rsa(2048),
  'RSA-1024': rsa(1024),
  Ed25519: { name: 'Ed25519' },
} as const;

function rsa(modulusLength: number) {
  return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent: new Uint8Array([1, 0, 1]) };
}

async function makeKeys(key: NonNullable<IssueOptions['key']>): Promise<CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHMS[key], true, ['sign', 'verify'])) as CryptoKeyPair;
}

function signingOf({ privateKey }: CryptoKeyPair, hash: string) {
  return { name: privateKey.algorithm.name, hash };
}

async function issuedOf(certificate: x509.X509Certificate, keys: CryptoKeyPair): Promise<Issued> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const keyPEM = `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
  return { pem: `${certificate.toString('pem')}\n`, keyPEM, certificate, keys };
}

let made = 0;
function serial(): string {
  made += 1;
  return (Date.now() * 1000 + made).toString(16).padStart(16, '0');
}
