/** Questions and replies of SMTP (RFC 5321 §4.2) over a connection: several lines a reply, each and all of them bounded. */
import type { Duplex } from 'node:stream';

/** A reply; without `code` what came is none, and `problem` says what. */
export type Reply =
  | { readonly code: number; readonly lines: readonly string[] }
  | { readonly code: undefined; readonly lines: readonly string[]; readonly problem: string };

const MAX_REPLY_BYTES = 16 * 1024;

/** One side of it: ours. A connection that is silent is ended by whoever holds its signal. */
export class SMTPDialogue {
  readonly #socket: Duplex;
  #text = '';
  #problem: string | undefined;
  #wake: () => void = () => {};
  readonly #hear = (chunk: Buffer): void => {
    this.#text += chunk.toString('latin1');
    if (this.#text.length > MAX_REPLY_BYTES) {
      this.#problem = 'far more than a reply';
      this.#socket.pause();
    }
    this.#wake();
  };
  readonly #over = (): void => {
    this.#problem ??= 'the end of the connection';
    this.#wake();
  };

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on('data', this.#hear);
    socket.on('end', this.#over).on('close', this.#over).on('error', this.#over);
  }

  /** Says a line and waits for the reply. What was said to us before it was asked for is no reply. */
  async ask(line: string): Promise<Reply> {
    if (this.#text !== '') return none('words before they were asked for');
    this.#socket.write(`${line}\r\n`);
    return this.read();
  }

  /** The next reply. */
  async read(): Promise<Reply> {
    for (;;) {
      const reply = this.#take();
      if (reply) return reply;
      if (this.#problem !== undefined) return none(this.#problem);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Says a last line and lets the connection go. */
  end(line: string): void {
    this.release();
    this.#socket.end(`${line}\r\n`);
  }

  /** Whether something was said after the last reply: before TLS that is somebody's forgery (RFC 3207 §6). */
  get isAhead(): boolean {
    return this.#text !== '';
  }

  /** The connection, listened to no more. */
  release(): Duplex {
    this.#socket.off('data', this.#hear).off('end', this.#over).off('close', this.#over);
    return this.#socket;
  }

  /** A whole reply from what has come: `250-one`, `250 last`. */
  #take(): Reply | undefined {
    const whole = /^(?:(\d{3})-[^\n]*\n)*?(\d{3})(?:[ \r][^\n]*)?\r?\n/.exec(this.#text);
    if (whole) {
      this.#text = this.#text.slice(whole[0].length);
      const lines = whole[0].trimEnd().split(/\r?\n/);
      return { code: Number(whole[2]), lines: lines.map((line) => line.slice(4)) };
    }
    const isNone = this.#text.includes('\n') && !/^\d{3}[ -]/.test(this.#text);
    return isNone ? none('something that is no SMTP') : undefined;
  }
}

function none(problem: string): Reply {
  return { code: undefined, lines: [], problem };
}
