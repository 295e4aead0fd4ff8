/**
 * A TCP connection to the first of several addresses that takes it (RFC 8305 "Happy Eyeballs"): one after the other,
 * the next as soon as one has failed or has been silent for a moment, IPv6 and IPv4 by turns. Node.js's own way gives
 * each address but the last a quarter of a second in all, which a far server does not keep.
 */
import { connect, isIPv6, type Socket } from 'node:net';
import { HTTPError } from './error.ts';

const HEAD_START_MS = 250;

export interface DialOptions {
  /** For the words of a failure. */
  readonly host: string;
  /** Ends all attempts, and the connection that came of them, with its reason. */
  readonly signal: AbortSignal;
}

/** Connects; the socket has a listener for errors, and is destroyed by the signal. @throws {HTTPError} `UNREACHABLE` */
export async function dial(addresses: readonly string[], port: number, { host, signal }: DialOptions): Promise<Socket> {
  signal.throwIfAborted();
  const race = new Race(byTurns(addresses), port);
  const aborted = () => race.lose(signal.reason);
  signal.addEventListener('abort', aborted, { once: true });
  try {
    const socket = await race.run();
    if (!('destroy' in socket)) throw unreachable(host, port, socket);
    destroyedBy(socket, signal);
    return socket;
  } finally {
    signal.removeEventListener('abort', aborted);
  }
}

/** The attempts of one connection. */
class Race {
  readonly #waiting: string[];
  readonly #port: number;
  readonly #trying = new Set<Socket>();
  readonly #failures: Failure[] = [];
  readonly #result = Promise.withResolvers<Socket | readonly Failure[]>();
  #headStart: NodeJS.Timeout | undefined;

  constructor(addresses: readonly string[], port: number) {
    this.#waiting = [...addresses];
    this.#port = port;
  }

  /** The socket that was first, or why there is none. */
  run(): Promise<Socket | readonly Failure[]> {
    this.#next();
    return this.#result.promise;
  }

  lose(reason: unknown): void {
    this.#end();
    this.#result.reject(reason);
  }

  #next(): void {
    clearTimeout(this.#headStart);
    const address = this.#waiting.shift();
    if (address !== undefined) this.#try(address);
    else if (this.#trying.size === 0) this.#result.resolve(this.#failures);
  }

  #try(address: string): void {
    const socket = connect({ host: address, port: this.#port });
    this.#trying.add(socket);
    // It stays: an error after the connection is told to whoever reads, and without a listener it would end the process.
    socket.on('error', (error) => {
      if (!this.#trying.delete(socket)) return;
      this.#failures.push({ address, code: 'code' in error ? String(error.code) : '' });
      this.#next();
    });
    socket.once('connect', () => {
      if (!this.#trying.delete(socket)) return;
      this.#end();
      this.#result.resolve(socket);
    });
    if (this.#waiting.length > 0) this.#headStart = setTimeout(() => this.#next(), HEAD_START_MS);
  }

  #end(): void {
    clearTimeout(this.#headStart);
    this.#waiting.length = 0;
    for (const socket of this.#trying) socket.destroy();
    this.#trying.clear();
  }
}

/** A socket, or a request on one. */
interface Destroyable {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** Ties a socket's life to a signal. */
export function destroyedBy(socket: Destroyable, signal: AbortSignal): void {
  const destroy = () => socket.destroy();
  signal.addEventListener('abort', destroy, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', destroy));
}

interface Failure {
  readonly address: string;
  readonly code: string;
}

function byTurns(addresses: readonly string[]): string[] {
  const six = addresses.filter(isIPv6);
  const four = addresses.filter((address) => !isIPv6(address));
  const turns = Math.max(six.length, four.length);
  return Array.from({ length: turns }, (_, at) => [six[at], four[at]]).flatMap((pair) =>
    pair.filter((address) => address !== undefined),
  );
}

/** A refusal says more than a missing route of the other family: it comes first. */
function unreachable(host: string, port: number, failures: readonly Failure[]): HTTPError {
  const ordered = failures.toSorted((a, b) => rank(a) - rank(b)).slice(0, 3);
  const [worst] = ordered;
  const at = ordered.filter(({ code }) => code === worst?.code).map(({ address }) => address);
  const why = worst?.code ?? '';
  const words = why === 'ECONNREFUSED' ? 'nobody listens' : 'there is no way';
  const where = at.length === 1 && at[0] === host ? '' : ` at ${at.join(', ')}`;
  return new HTTPError(`connect to ${host} port ${port}: ${words}${where} (${why})`, {
    code: 'UNREACHABLE',
    facts: { stage: 'tcp', host, port, why, addresses: at },
  });
}

function rank({ code }: Failure): number {
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' ? 0 : 1;
}
