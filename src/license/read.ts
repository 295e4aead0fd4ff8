/**
 * Reading a licence: a signed token, a document in JSON, or bytes that only the product understands. They are never
 * changed: a line end is part of the file and no part of the token.
 */
import { checkLicenseBytes, isUTF16, licenseText } from './bytes.ts';
import { readClaims } from './claims.ts';
import type { License } from './license.ts';
import { findObject, findToken, notSigned, provenPayload, type Token } from './token.ts';

export interface ReadLicenseOptions {
  /** `license.publicKey` of the release: PEM, or base64 of its DER, SPKI. Without one no signature is judged. */
  readonly publicKey?: string | undefined;
  /** Names the licence in errors: a path, an address without its query. @default 'the licence' */
  readonly what?: string | undefined;
}

/**
 * What a licence says.
 * @throws {LicenseError} `LICENSE_EMPTY`, `LICENSE_TOO_LARGE`, `LICENSE_IS_HTML`; `LICENSE_SIGNATURE` when it says that it
 *   is not signed (`alg: none`), or a key is given and did not sign it; `LICENSE_KEY_INVALID`
 */
export async function readLicense(
  bytes: Uint8Array,
  { publicKey, what = 'the licence' }: ReadLicenseOptions = {},
): Promise<License> {
  checkLicenseBytes(bytes, what);
  const text = isUTF16(bytes) ? undefined : licenseText(bytes);
  const json = text === undefined ? undefined : findObject(text);
  const token = text === undefined ? undefined : findToken(text, json);
  if (token !== undefined) return readToken(token, { publicKey, what });
  if (publicKey !== undefined) {
    const got = isUTF16(bytes) ? 'text in UTF-16: save it as plain text' : json ? 'JSON without a signature' : 'none';
    throw notSigned(what, `expected a token (JWS) that the key of the release has signed, got ${got}`);
  }
  return json === undefined
    ? { kind: 'opaque', isProven: false }
    : { kind: 'json', isProven: false, ...readClaims(json) };
}

async function readToken(
  token: Token,
  { publicKey, what }: { readonly publicKey: string | undefined; readonly what: string },
): Promise<License> {
  if (token.algorithms.some((algorithm) => String(algorithm).toLowerCase() === 'none')) {
    throw notSigned(what, 'expected a signature, got the algorithm "none"');
  }
  const isProven = publicKey !== undefined;
  const payload = isProven ? await provenPayload(token, { publicKey, what }) : token.payload;
  const text = payload && licenseText(payload);
  const claims = text === undefined ? undefined : findObject(text);
  return { kind: 'jws', isProven, ...(claims && readClaims(claims)) };
}
