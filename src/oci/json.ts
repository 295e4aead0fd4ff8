/** JSON at the door: strict UTF-8, and an error that names the document and not its content. */
import type { OciCode } from './error.ts';
import { OciError } from './error.ts';

/** Parses JSON bytes. `what` names the document. @throws {OciError} with `code` when they are not JSON in UTF-8 */
export function parseDocument(bytes: Uint8Array, what: string, code: OciCode): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new OciError(`read ${what}: expected JSON, got ${bytes.length} bytes that are not`, { code, cause });
  }
}
