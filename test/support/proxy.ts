/**
 * A true proxy for tests: CONNECT by a table of names (so that a test reaches `registry.example:443` on a loopback
 * port), and absolute-form requests for plain HTTP. It notes what it was asked, and may demand a password.
 */
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { listen } from './fake-registry.ts';

export interface TestProxy {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** `CONNECT name:port` or `GET http://…`, in order. */
  readonly seen: readonly string[];
  stop(): Promise<void>;
}

export interface StartProxyOptions {
  /** `name:port` → `127.0.0.1:port`. Anything else is answered with 502. */
  readonly routes: Readonly<Record<string, string>>;
  /** The value of Proxy-Authorization without which 407 is said. */
  readonly authorization?: string;
}

export async function startProxy({ routes, authorization }: StartProxyOptions): Promise<TestProxy> {
  const seen: string[] = [];
  const isAllowed = (value: string | undefined) => authorization === undefined || value === authorization;
  const { server, host, stop } = await listen((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const url = new URL(request.url ?? '');
    const target = routes[`${url.hostname}:${url.port || '80'}`];
    if (!target || !isAllowed(request.headers['proxy-authorization'])) {
      response.writeHead(target ? 407 : 502).end();
      return;
    }
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const path = url.pathname + url.search;
    const [hostname, port] = target.split(':');
    httpRequest({ host: hostname, port, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    }).end();
  });
  const tunnels = new Set<Socket>();
  server.on('connect', (request, client: Socket) => {
    seen.push(`CONNECT ${request.url}`);
    const target = routes[request.url ?? ''];
    if (!target || !isAllowed(request.headers['proxy-authorization'])) {
      client.end(
        `HTTP/1.1 ${target ? '407 Proxy Authentication Required' : '502 Bad Gateway'}\r\ncontent-length: 0\r\n\r\n`,
      );
      return;
    }
    const [hostname, port] = target.split(':');
    const upstream = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    tunnels.add(upstream);
    for (const socket of [upstream, client]) socket.on('error', () => {});
  });
  const stopAll = async () => {
    for (const socket of tunnels) socket.destroy();
    await stop();
  };
  return { host, seen, stop: stopAll };
}
