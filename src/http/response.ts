/** An answer whose headers are here and whose body is still on its way. */
import type { Readable } from 'node:stream';
import { asHTTPError, type FailureFacts } from './failure.ts';

/** What is read of a body that nobody needs, so that its connection can be used again; more ends the connection. */
const DISCARDED_BYTES = 64 * 1024;

/** What undici and node:http both give. */
export interface Answer {
  readonly statusCode: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
}

/** One answer. Its body can be read once. */
export class HTTPResponse {
  readonly status: number;
  /** The address that answered. */
  readonly url: URL;
  readonly #answer: Answer;
  readonly #facts: FailureFacts;
  readonly #signal: AbortSignal | undefined;

  constructor(answer: Answer, facts: FailureFacts, signal: AbortSignal | undefined) {
    this.status = answer.statusCode;
    this.url = facts.url;
    this.#answer = answer;
    this.#facts = facts;
    this.#signal = signal;
    // An error of a body that nobody is reading yet must not end the process; a reader gets it all the same.
    answer.body.on('error', () => {});
  }

  /** A header by its lower-case name; several of one name joined by commas, as RFC 9110 §5.3 allows. */
  header(name: string): string | undefined {
    const value = this.#answer.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** The body as it comes. Ending the loop early ends the connection. @throws {HTTPError} `CONNECTION_LOST`, `IDLE_TIMEOUT` */
  async *body(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#answer.body) yield chunk;
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw asHTTPError(error, this.#facts);
    }
  }

  /** The first bytes of the body, at most `max`; whatever follows is not read. */
  async beginning(max = DISCARDED_BYTES): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.body()) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= max) break;
    }
    return Buffer.concat(chunks).subarray(0, max);
  }

  /** Lets the body go. A connection that is lost meanwhile is no loss. */
  async discard(): Promise<void> {
    let size = 0;
    try {
      for await (const chunk of this.#answer.body) {
        size += chunk.length;
        if (size > DISCARDED_BYTES) break;
      }
    } catch {
      this.#signal?.throwIfAborted();
    }
  }
}
