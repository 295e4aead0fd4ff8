/**
 * JSON as Ferry writes it: OLPC canonical JSON, so that equal values are equal bytes (FORMAT, head; TUF 1.0 §4.2).
 * Its strings escape only `"` and `\`, so a control character would make bytes that JSON parsers refuse: it is refused.
 */
import { canonicalize } from '@tufjs/canonical-json';
import { ContentError } from './error.ts';

export interface CanonicalOptions {
  /**
   * `allow` is for checking signatures of others, whose PEM keys hold line feeds; what Ferry writes has none.
   * @default 'refuse'
   */
  readonly controlCharacters?: 'refuse' | 'allow';
}

/** Canonical bytes of a value. @throws {ContentError} `CONTROL_CHARACTER` when a key or string has one */
export function canonicalJSON(value: unknown, { controlCharacters = 'refuse' }: CanonicalOptions = {}): Buffer {
  const text = canonicalize(value);
  if (controlCharacters === 'allow') return Buffer.from(text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const found = /[\u0000-\u001f]/.exec(text);
  if (found) {
    const shown = text.slice(Math.max(0, found.index - 30), found.index);
    throw new ContentError(
      `write JSON: expected text without control characters, got one after ${JSON.stringify(shown)}`,
      {
        code: 'CONTROL_CHARACTER',
      },
    );
  }
  return Buffer.from(text);
}

/** The value of JSON bytes. `what` names the document. @throws {ContentError} `JSON_INVALID` */
export function parseJSON(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ContentError(`read ${what}: expected JSON, got ${bytes.length} bytes that are not`, {
      code: 'JSON_INVALID',
      cause,
    });
  }
}
