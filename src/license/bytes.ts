/** What no licence looks like, whoever made it: nothing at all, a page for people, or something endless. */
import { LicenseError } from './error.ts';

/** What a licence may weigh: it is read whole, wherever it is looked at. */
export const MAX_LICENSE_BYTES = 1024 ** 2;

/** What is looked at to tell a page from a licence in XML. */
const BEGINNING = 4096;

/**
 * Refuses bytes that nobody has to read further.
 * @param what names them in the error: a path, an address without its query
 * @throws {LicenseError} `LICENSE_EMPTY`, `LICENSE_TOO_LARGE`, `LICENSE_IS_HTML`
 */
export function checkLicenseBytes(bytes: Uint8Array, what: string): void {
  if (bytes.length > MAX_LICENSE_BYTES) throw licenseTooLarge(what);
  const text = licenseText(bytes);
  if (text === '' || bytes.every((byte) => byte === 0)) {
    throw new LicenseError(`read ${what}: expected a licence, got nothing`, { code: 'LICENSE_EMPTY' });
  }
  if (text !== undefined && isPage(text.slice(0, BEGINNING).toLowerCase())) throw licenseIsPage(what);
}

/**
 * The text, without byte order mark and the white space around it; `undefined` when it is no text. UTF-16 is read where it
 * says that it is: a page is a page in any encoding.
 */
export function licenseText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes).trim();
  } catch {
    return undefined;
  }
}

/** Whether the bytes are UTF-16 by their mark: neither JSON (RFC 8259 §8.1) nor a token is ever that. */
export function isUTF16(bytes: Uint8Array): boolean {
  return encodingOf(bytes) !== 'utf-8';
}

/** The error for more than {@link MAX_LICENSE_BYTES}. @param what names them, as in {@link checkLicenseBytes} */
export function licenseTooLarge(what: string): LicenseError {
  return new LicenseError(`read ${what}: expected a licence of at most ${MAX_LICENSE_BYTES} bytes, got more`, {
    code: 'LICENSE_TOO_LARGE',
  });
}

/** The error for a page. */
export function licenseIsPage(what: string): LicenseError {
  return new LicenseError(`read ${what}: expected a licence, got a web page`, { code: 'LICENSE_IS_HTML' });
}

/** A licence may be XML, and says so in its first characters; anything else that begins with a tag is a page. */
function isPage(beginning: string): boolean {
  if (!beginning.startsWith('<')) return false;
  return !beginning.startsWith('<?xml') || /<(?:!doctype\s+)?html\b/.test(beginning);
}

function encodingOf([first, second]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}
