/**
 * A true server between ferry and a real engine: every call goes through, both ways as it comes, and is counted. At one
 * call a trap may spring, before the engine hears of it, while its body arrives, or when the engine has answered and
 * nobody was told. From then on, until it is armed again, nothing passes: whoever called is dead.
 */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';

export type TrapMoment = 'before' | 'during' | 'after';

/** What happens at the `at`-th call, counted from 1. */
export interface Trap {
  readonly at: number;
  /** `during`: the first bytes of its body have gone on, the rest never does. */
  readonly when: TrapMoment;
  readonly spring: () => void;
}

export interface EngineProxy {
  readonly socket: string;
  /** The same as `DOCKER_HOST` has it. */
  readonly host: string;
  /** The calls since it was armed: `POST /images/load`, without version and query. */
  readonly calls: readonly string[];
  /** Counts from 1 again, with this trap or none. */
  arm(trap?: Trap): void;
  stop(): Promise<void>;
}

/** Starts a proxy on a socket of its own. @param to the engine's socket */
export async function startEngineProxy(to: string, socket: string): Promise<EngineProxy> {
  let calls: string[] = [];
  let trap: Trap | undefined;
  let isSprung = false;
  const sockets = new Set<Socket>();
  /** Once, and not when another trap has been set meanwhile: a stream may tell of its end late. */
  const springOf = (mine: Trap | undefined) => () => {
    if (isSprung || mine === undefined || mine !== trap) return;
    isSprung = true;
    mine.spring();
    for (const open of sockets) open.destroy();
  };
  /** The trap, when this is its call; null when nothing passes any more. */
  const count = ({ method, url }: IncomingMessage): TrapMoment | undefined | null => {
    if (isSprung) return null;
    calls.push(`${method} ${(url ?? '').replace(/^\/v[\d.]+(?=\/)/, '').replace(/\?.*/, '')}`);
    return trap?.at === calls.length ? trap.when : undefined;
  };
  const server = createServer((asked, answer) => {
    const moment = count(asked);
    if (moment === null) asked.socket.destroy();
    else if (moment === 'before') springOf(trap)();
    else forward({ to, asked, answer, moment, spring: springOf(trap) });
  });
  server.on('upgrade', (asked: IncomingMessage, client: Socket, head: Buffer) => {
    const moment = count(asked);
    if (moment === null) client.destroy();
    else if (moment === undefined) tunnel(to, asked, client, head);
    else springOf(trap)();
  });
  server.on('connection', (open: Socket) => {
    sockets.add(open);
    open.on('close', () => sockets.delete(open)).on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  return {
    socket,
    host: `unix://${socket}`,
    get calls() {
      return calls;
    },
    arm: (next) => {
      calls = [];
      trap = next;
      isSprung = false;
    },
    stop: () => {
      for (const open of sockets) open.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Forwarded {
  readonly to: string;
  readonly asked: IncomingMessage;
  readonly answer: ServerResponse;
  readonly moment: TrapMoment | undefined;
  readonly spring: () => void;
}

function forward({ to, asked, answer, moment, spring }: Forwarded): void {
  const { method, url } = asked;
  const onward = request({ socketPath: to, method, path: url, headers: endToEnd(asked.headers), agent: false });
  onward.on('error', () => answer.destroy());
  answer.on('error', () => onward.destroy());
  answer.on('close', () => answer.writableFinished || onward.destroy());
  onward.on('response', (reply) => {
    reply.on('error', () => answer.destroy());
    if (moment === 'after') {
      reply.on('end', spring).resume();
      return;
    }
    answer.writeHead(reply.statusCode ?? 502, reply.statusMessage, endToEnd(reply.headers));
    answer.flushHeaders();
    reply.pipe(answer);
  });
  asked.on('error', () => onward.destroy());
  if (moment !== 'during') {
    asked.pipe(onward);
    return;
  }
  asked.once('data', (first: Buffer) => {
    onward.write(first, () => {
      spring();
      onward.destroy();
    });
  });
  asked.once('end', spring); // it had no body
}

/** What an attach or exec asks for: bytes both ways. */
function tunnel(to: string, { method, url, rawHeaders }: IncomingMessage, client: Socket, head: Buffer): void {
  const engine = connect(to);
  const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
  engine.write(`${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  engine.write(head);
  for (const [from, other] of [
    [engine, client],
    [client, engine],
  ] as const) {
    from.on('error', () => other.destroy()).on('close', () => other.destroy());
    from.pipe(other);
  }
}

/** Each hop has its own connection; the proxy has already said "go on". */
function endToEnd(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const { connection: _connection, 'keep-alive': _keepAlive, expect: _expect, ...rest } = headers;
  return rest;
}
