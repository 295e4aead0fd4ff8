/**
 * Small true servers for the checks of preflight: TCP servers that do one thing, an HTTPS server by a table of paths with
 * a WebSocket that says 101. All on loopback, ended with their connections.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { listen } from './fake-registry.ts';

export interface Served {
  readonly certPEM: string;
  readonly keyPEM: string;
}

export interface CheckServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** A TCP server that does `act` with each connection; without it, it takes them and says nothing. */
export async function tcpServer(act: (socket: Socket) => void = () => {}, host = '127.0.0.1'): Promise<CheckServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    act(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const stop = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

/** What a web server says at a path. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A web server by a table of paths; TLS where a certificate is given. A WebSocket at `/agent`. */
export async function webServer(
  answers: Readonly<Record<string, Answer>>,
  served?: Served,
): Promise<CheckServer & { readonly seen: readonly IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const tls = served && { tls: { caPEM: '', server: served, client: served } };
  const { server, port, stop } = await listen((request, response) => {
    seen.push(request);
    const answer = answers[(request.url ?? '').split('?')[0] ?? ''];
    if (answer) answer(request, response);
    else response.writeHead(404).end('nothing here');
  }, tls);
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    seen.push(request);
    const key = request.url === '/agent' ? request.headers['sec-websocket-key'] : 'another';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade';
    socket.write(`${head}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  });
  return { port, seen, stop };
}

/** Says JSON. */
export function json(value: unknown, status = 200): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

/** Leads to another address. */
export function redirect(location: string, status = 302): Answer {
  return (_, response) => {
    response.writeHead(status, { location }).end();
  };
}
