/** JSON documents by which servers tell what they are: asked for, bounded, and an object or words about what came instead. */
import { readBounded } from '../../content/index.ts';
import { FerryError } from '../../errors.ts';
import { follow, shownURL } from '../../http/index.ts';
import { type Attempt, CheckFailure } from '../attempt.ts';

const MAX_DOCUMENT_BYTES = 1024 * 1024;

export interface DocumentOptions {
  readonly attempt: Attempt;
  /** What it should be: `an ACME directory`. */
  readonly expected: string;
  /** What usually causes another answer. */
  readonly hint: string;
}

/** The object at an address. @throws {CheckFailure} for another status, too much, or no JSON object; {HTTPError} */
export async function fetchObject(url: URL, options: DocumentOptions): Promise<Record<string, unknown>> {
  const { attempt } = options;
  const response = await follow(attempt.client, { url, request: { headers: { accept: 'application/json' } } });
  if (response.status !== 200) throw unexpected(url, `status ${response.status}`, options);
  const parsed = parse(await bytesOf(response.body(), url, options));
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  throw unexpected(url, 'something else', options);
}

async function bytesOf(body: AsyncIterable<Uint8Array>, url: URL, options: DocumentOptions): Promise<Buffer> {
  try {
    return await readBounded(body, { max: MAX_DOCUMENT_BYTES, what: shownURL(url) });
  } catch (error) {
    if (error instanceof FerryError && error.code === 'TOO_LARGE') throw unexpected(url, 'more than 1 MiB', options);
    throw error;
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    // Its message quotes the text, which is the peer's.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Of an answer, what was expected instead. */
export function unexpected(url: URL, got: string, { expected, hint }: DocumentOptions): CheckFailure {
  return new CheckFailure({
    stage: 'protocol',
    detail: `GET ${shownURL(url)}: expected ${expected}, got ${got}`,
    hint,
  });
}
