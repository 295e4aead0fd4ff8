/**
 * A small true server of the distribution API that misbehaves on demand. It serves what was `add`ed, by the rules of
 * the specification (Range, If-Range, 404); a test puts rules before that: drop the line after N bytes, lie in a
 * header, answer 429, send the reader elsewhere. Blobs may be generated, so that gigabytes need no memory.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Descriptor, Digest } from '../../src/oci/index.ts';
import type { TestCertificates } from './certificates.ts';
import type { BuiltImage } from './registry-images.ts';

/** A blob's bytes: at hand, or made for any range by `read`. */
export interface Stored {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  read(start: number, end: number): Buffer;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the rules leave over: answers as a registry would. */
  serve(): void;
}

export interface Rule {
  /** `GET /v2/app/blobs/…`: method, blank, path with query. */
  readonly on: RegExp;
  /** How often it acts. @default 1 */
  readonly times?: number;
  act(exchange: Exchange): void;
}

export interface SeenRequest {
  /** Method, blank, path with query. */
  readonly line: string;
  readonly headers: IncomingMessage['headers'];
}

export interface FakeRegistry {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** All requests so far, in order. */
  readonly seen: readonly SeenRequest[];
  /** The most blob answers that were under way at one time. */
  readonly peak: number;
  add(repository: string, tag: string | undefined, image: BuiltImage): void;
  put(repository: string, stored: Stored, tag?: string): void;
  /** The next rule to be asked after those there are. */
  rule(rule: Rule): void;
  stop(): Promise<void>;
}

/** Starts the server on a free loopback port. */
export async function fakeRegistry(options: { tls?: TestCertificates; clientCA?: string } = {}): Promise<FakeRegistry> {
  const state = new State();
  const { host, stop } = await listen(state.listener, options);
  return {
    host,
    seen: state.seen,
    get peak() {
      return state.peak;
    },
    add: (repository, tag, image) => {
      for (const { bytes, descriptor } of [...image.blobs, ...image.manifests]) {
        state.put(repository, storedBytes(descriptor, bytes), bytes === image.target.bytes ? tag : undefined);
      }
    },
    put: (repository, stored, tag) => state.put(repository, stored, tag),
    rule: (rule) => state.rules.push({ ...rule, left: rule.times ?? 1 }),
    stop,
  };
}

/** Any small HTTP server on a free loopback port, ended with all its connections by `stop`. */
export async function listen(
  listener: RequestListener,
  options: { tls?: TestCertificates; clientCA?: string } = {},
): Promise<{ server: Server; host: string; port: number; stop(): Promise<void> }> {
  const { tls, clientCA } = options;
  const demand = clientCA === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ca: clientCA };
  const server = tls
    ? createTLSServer({ cert: tls.server.certPEM, key: tls.server.keyPEM, ...demand }, listener)
    : createServer(listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { server, host: `127.0.0.1:${port}`, port, stop };
}

/** Bytes at hand as a stored blob. */
export function storedBytes(descriptor: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>, bytes: Buffer): Stored {
  const { mediaType, digest } = descriptor;
  return { mediaType, digest, size: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

/** A blob of any size that is made as it is read: one block over and over, the last one cut. */
export function generatedBlob(seed: string, size: number): Stored {
  const block = Buffer.alloc(1 << 20, createHash('sha512').update(seed).digest());
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += block.length) hash.update(block.subarray(0, Math.min(block.length, size - at)));
  const read = (start: number, end: number) => {
    const from = start % block.length;
    return block.subarray(from, Math.min(block.length, from + end - start));
  };
  const mediaType = 'application/vnd.oci.image.layer.v1.tar';
  return { mediaType, digest: `sha256:${hash.digest('hex')}` as Digest, size, read };
}

/** A rule's act: serves, and cuts the connection once `bytes` of the body have gone out. */
export function dropAfter(bytes: number): (exchange: Exchange) => void {
  return ({ response, serve }) => {
    let sent = 0;
    const write = response.write.bind(response);
    response.write = ((chunk: Buffer) => {
      const part = chunk.subarray(0, Math.max(0, bytes - sent));
      sent += part.length;
      if (part.length === chunk.length) return write(chunk);
      write(part, () => response.socket?.destroy());
      return false;
    }) as typeof response.write;
    response.flushHeaders = () => {};
    serve();
  };
}

/** A rule's act: this status, headers and text. */
export function answer(status: number, headers: Record<string, string> = {}, text = ''): (exchange: Exchange) => void {
  return ({ response }) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(text), ...headers });
    response.end(text);
  };
}

/** A rule's act: a distribution error document. */
export function refuse(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): (exchange: Exchange) => void {
  return answer(
    status,
    { 'content-type': 'application/json', ...headers },
    JSON.stringify({ errors: [{ code, message }] }),
  );
}

class State {
  readonly seen: SeenRequest[] = [];
  readonly rules: (Rule & { left: number })[] = [];
  readonly #content = new Map<string, Stored>();
  #open = 0;
  peak = 0;

  put(repository: string, stored: Stored, tag?: string): void {
    this.#content.set(`${repository} ${stored.digest}`, stored);
    if (tag !== undefined) this.#content.set(`${repository} ${tag}`, stored);
  }

  readonly listener: RequestListener = (request, response) => {
    const line = `${request.method} ${request.url}`;
    this.seen.push({ line, headers: request.headers });
    const serve = () => this.#serve(request, response);
    const rule = this.rules.find((each) => each.left > 0 && each.on.test(line));
    if (!rule) return serve();
    rule.left -= 1;
    rule.act({ request, response, serve });
  };

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://registry');
    const [, repository, kind, name] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? [];
    const stored = this.#content.get(`${repository} ${name}`);
    if (!stored) {
      const code = kind === 'manifests' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN';
      refuse(404, code, 'not here')({ request, response, serve: () => {} });
      return;
    }
    this.#open += 1;
    this.peak = Math.max(this.peak, this.#open);
    response.once('close', () => {
      this.#open -= 1;
    });
    sendRange(request, response, stored);
  }
}

function sendRange(request: IncomingMessage, response: ServerResponse, stored: Stored): void {
  const etag = `"${stored.digest}"`;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const valid = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
  const start = asked === undefined || !valid ? 0 : Number(asked);
  const headers = { etag, 'content-type': stored.mediaType, 'content-length': stored.size - start };
  if (asked !== undefined && valid) {
    const range = { 'content-range': `bytes ${start}-${stored.size - 1}/${stored.size}` };
    response.writeHead(206, { ...headers, ...range });
  } else {
    response.writeHead(200, headers);
  }
  sendBody(response, stored, start);
}

function sendBody(response: ServerResponse, stored: Stored, start: number): void {
  let at = start;
  const more = () => {
    while (at < stored.size) {
      if (response.destroyed) return;
      const part = stored.read(at, Math.min(stored.size, at + (1 << 18)));
      at += part.length;
      if (!response.write(part)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}
