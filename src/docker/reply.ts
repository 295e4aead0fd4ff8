/**
 * The engine's answer to a load: JSON objects, one a line, always under status 200 (reference §1.1). Every line is
 * read: an error may be anywhere, and an answer that is cut off is not a success.
 */
import { DockerError, quoteEngine } from './error.ts';
import { codeOfWords } from './failure.ts';
import { asObject, asText } from './wire.ts';

/** One line of the answer. */
export type ReplyLine = Readonly<Record<string, unknown>>;

/** A line longer than this is not an engine's. */
const MAX_LINE = 1024 * 1024;

/**
 * Reads the lines of an answer. Characters that are split between chunks come out whole.
 *
 * @throws {DockerError} `LOAD_FAILED` for a line that is no JSON object or too long; what the stream throws
 */
export async function* readReply(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ReplyLine> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw badReply(`a line of more than ${MAX_LINE} characters`);
    for (const line of lines) if (line.trim() !== '') yield parseLine(line);
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield parseLine(rest, true);
}

/** The engine's words of failure in a line, if it is one. Since 27.2 a failed unpack is told as ordinary output. */
export function failureIn(line: ReplyLine): string | undefined {
  const said = asText(asObject(line['errorDetail'])['message']) || asText(line['error']);
  if (said !== '' || line['errorDetail'] !== undefined || line['error'] !== undefined)
    return said || 'an error without words';
  const output = asText(line['stream']);
  return output.startsWith('Error unpacking image') ? output.trim() : undefined;
}

/** The error for an engine that says that it could not load. */
export function loadFailed(image: string, words: string): DockerError {
  return new DockerError(`load image ${image}: expected the engine to take it, got ${quoteEngine(words)}`, {
    code: codeOfWords(words) ?? 'LOAD_FAILED',
    facts: { image, words },
  });
}

/** @param isLast it has no end: an engine that died in the middle of a word. */
function parseLine(line: string, isLast = false): ReplyLine {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as ReplyLine;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw badReply(line, isLast);
}

function badReply(got: string, lost = false): DockerError {
  return new DockerError(`read engine's answer to a load: expected a JSON object a line, got ${quoteEngine(got)}`, {
    code: 'LOAD_FAILED',
    facts: { lost },
  });
}
