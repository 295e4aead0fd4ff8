/**
 * PKCS#12 (RFC 7292), as Windows and most appliances hand out a certificate with its key. node-forge opens it, for it knows
 * the old algorithms (RC2, 3DES) that OpenSSL 3 left out; of elliptic curves it knows only the frame, so that everything in
 * it is taken as ASN.1 and read by Node.js. No error has a cause here: it could quote a key.
 */
import type { X509Certificate } from 'node:crypto';
import type Forge from 'node-forge';
import { findCertificate } from './certificate.ts';
import { contentOf } from './der.ts';
import { EndlessError, withLimit } from './derivation.ts';
import { TLSError } from './error.ts';
import { findKeyInDER, wrongPassphrase } from './key.ts';

export interface PKCS12 {
  /** In the order of the file. */
  readonly certificates: readonly X509Certificate[];
  /** PKCS#8 in PEM. */
  readonly keys: readonly string[];
}

/** Whether DER begins as PKCS#12 does: a sequence with the version 3, then another sequence. */
export function isPKCS12(der: Uint8Array): boolean {
  if (der[0] !== 0x30) return false;
  const at = contentOf(der).start;
  return Buffer.from(der.subarray(at, at + 4)).equals(Buffer.from([2, 1, 3, 0x30]));
}

/**
 * What is in it.
 * @param passphrase the empty one is tried where none is given
 * @throws {TLSError} `TLS_PASSPHRASE`, `TLS_UNREADABLE`
 */
export async function readPKCS12(
  bytes: Uint8Array,
  { what, passphrase }: { readonly what: string; readonly passphrase?: string | undefined },
): Promise<PKCS12> {
  const { default: forge } = await import('node-forge');
  const bags = open(forge, bytes, { what, passphrase });
  const ofType = (type: string | undefined) => bags.filter((bag) => bag.type === type);
  const { certBag, keyBag, pkcs8ShroudedKeyBag } = forge.pki.oids;
  return {
    certificates: ofType(certBag).map((bag) => {
      const certificate = findCertificate(derOfCertificate(forge, bag));
      if (certificate === undefined) throw unreadable(what, 'a certificate that cannot be read');
      return certificate;
    }),
    keys: [...ofType(keyBag), ...ofType(pkcs8ShroudedKeyBag)].map((bag) => {
      const key = findKeyInDER(derOfKey(forge, bag), { what });
      if (key === undefined) throw unreadable(what, 'a key that cannot be read');
      return key;
    }),
  };
}

type Bag = Forge.pkcs12.Bag;

/** An empty passphrase is written in two ways, with and without the end of the string: both are tried. */
function open(
  forge: typeof Forge,
  bytes: Uint8Array,
  { what, passphrase }: { readonly what: string; readonly passphrase?: string | undefined },
): Bag[] {
  const asn1 = parsed(forge, bytes, what);
  let wrong: unknown;
  for (const each of passphrase ? [passphrase] : ['', undefined]) {
    try {
      return withLimit(forge, () => bagsOf(forge, asn1, each));
    } catch (error) {
      if (error instanceof EndlessError) throw unreadable(what, 'one that takes minutes to open (its iterations)');
      wrong = error;
    }
  }
  // without a MAC a wrong passphrase makes something else of it, which fails in any way: what is not known is named
  const isUnknown =
    wrong instanceof Error && /unsupported|not supported|only pkcs#12|not an pkcs#12/i.test(wrong.message);
  if (isUnknown) throw unreadable(what, 'a kind of it that is not known here');
  throw wrongPassphrase(what, passphrase);
}

function parsed(forge: typeof Forge, bytes: Uint8Array, what: string): Forge.asn1.Asn1 {
  try {
    return forge.asn1.fromDer(forge.util.createBuffer(Buffer.from(bytes).toString('latin1')));
  } catch {
    throw unreadable(what, 'one that is cut off or damaged');
  }
}

/** RFC 7292 reads the passphrase as UTF-16, PBES2 (RFC 8018) inside of it as UTF-8: forge knows one of them at a time. */
function bagsOf(forge: typeof Forge, asn1: Forge.asn1.Asn1, passphrase: string | undefined): Bag[] {
  const read = (from: Forge.asn1.Asn1, by: string | undefined) =>
    forge.pkcs12.pkcs12FromAsn1(from, false, by as string).safeContents.flatMap(({ safeBags }) => safeBags);
  try {
    return read(asn1, passphrase);
  } catch (error) {
    const isProven = error instanceof Error && !(error instanceof EndlessError) && !error.message.includes('MAC');
    if (!isProven || passphrase === undefined || /^[\0-\x7f]*$/.test(passphrase)) throw error;
    const withoutMAC = { ...asn1, value: (asn1.value as Forge.asn1.Asn1[]).slice(0, 2) };
    return read(withoutMAC, forge.util.encodeUtf8(passphrase));
  }
}

/**
 * forge has the signed part as it was, but writes the algorithm beside it in its own way: it is taken from within the
 * signed part, where it stands the same (RFC 5280 §4.1.1.2).
 */
function derOfCertificate(forge: typeof Forge, { cert, asn1: unknown }: Bag): Buffer {
  if (!cert) return der(forge, unknown);
  const { asn1 } = forge;
  const { tbsCertificate, signature } = cert as typeof cert & { readonly tbsCertificate: Forge.asn1.Asn1 };
  const fields = tbsCertificate.value as Forge.asn1.Asn1[];
  const hasVersion = fields[0]?.tagClass === asn1.Class.CONTEXT_SPECIFIC;
  const algorithm = fields[hasVersion ? 2 : 1] as Forge.asn1.Asn1;
  const signed = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.BITSTRING, false, `\0${signature}`);
  const parts = [tbsCertificate, algorithm, signed];
  return der(forge, asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, parts));
}

function derOfKey(forge: typeof Forge, { key, asn1 }: Bag): Buffer {
  return der(forge, key ? forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(key)) : asn1);
}

function der(forge: typeof Forge, asn1: Forge.asn1.Asn1): Buffer {
  return Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1');
}

function unreadable(what: string, got: string): TLSError {
  return new TLSError(`read ${what}: expected PKCS#12, got ${got}`, {
    code: 'TLS_UNREADABLE',
    hint: 'have it made anew; or write it as PEM where it can be read: `openssl pkcs12 -in FILE -nodes -out site.pem`',
  });
}
