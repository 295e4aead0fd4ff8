/**
 * A small true server that answers on a unix socket as a Docker Engine with the containerd image store does, and fails
 * on demand in ways that a real one will not. What it is sent it parses, hashes and keeps; see `ContainerdStore`.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { ContainerdStore, isDangling, type Target } from './containerd-store.ts';

/** What the next load does instead of its duty. */
export type Misbehaviour =
  /** Takes some bytes and then no more. */
  | { readonly kind: 'stop-reading' }
  /** Takes everything, says nothing. */
  | { readonly kind: 'silent' }
  /** Hangs up after so many bytes of the body. */
  | { readonly kind: 'drop'; readonly after: number }
  /** Answers these bytes, chunk by chunk, once it has everything; then ends, or hangs up without an end. */
  | { readonly kind: 'answer'; readonly chunks: readonly (string | Buffer)[]; readonly hangUp?: boolean }
  /** Answers at once, with the body unread, and closes. */
  | { readonly kind: 'answer-early'; readonly chunks: readonly string[] }
  /** Loads, then says that it could not unpack. */
  | { readonly kind: 'unpack-failure' };

export interface FakeEngine {
  readonly socket: string;
  readonly host: string;
  readonly store: ContainerdStore;
  /** For the next load only. */
  misbehave(how: Misbehaviour): void;
  /** Changes what inspect answers. */
  lie(change: (answer: Record<string, unknown>) => Record<string, unknown>): void;
  /** Names of the tar entries of each load, in order, as far as they came. */
  readonly loads: readonly (readonly string[])[];
  /** `METHOD /path?query` of each request. */
  readonly requests: readonly string[];
  readonly containers: ReadonlyMap<string, Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Starts one. @param options.minor API 1.minor; 52 is Engine 29.0, 43 is 24.0 */
export async function fakeContainerdEngine(options: { minor?: number } = {}): Promise<FakeEngine> {
  const folder = await mkdtemp('/tmp/fc-');
  const engine = new Engine(options.minor ?? 52);
  const server = createServer((request, response) => {
    engine.answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const socket = join(folder, 's');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  };
  const { store, loads, requests, containers } = engine;
  const misbehave = (how: Misbehaviour) => {
    engine.how = how;
  };
  const lie = (change: (answer: Record<string, unknown>) => Record<string, unknown>) => {
    engine.change = change;
  };
  return { socket, host: `unix://${socket}`, store, loads, requests, containers, misbehave, lie, stop };
}

class Engine {
  readonly store: ContainerdStore;
  readonly loads: string[][] = [];
  readonly requests: string[] = [];
  readonly containers = new Map<string, Record<string, unknown>>();
  /** Entry names of interrupted ingests: whoever uses one again waits for ever (moby#51623). */
  readonly #locked = new Set<string>();
  how: Misbehaviour | undefined;
  change = (answer: Record<string, unknown>): Record<string, unknown> => answer;

  constructor(minor: number) {
    this.store = new ContainerdStore(minor);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://engine');
    this.requests.push(`${request.method} ${request.url}`);
    const path = decodeURIComponent(url.pathname);
    if (request.method === 'POST' && path === '/images/load') return await this.#load(request, response);
    const [status, body] = await this.#route(request, path, url.searchParams);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(status === 204 ? '' : JSON.stringify(body));
  }

  async #route(request: IncomingMessage, path: string, query: URLSearchParams): Promise<[number, unknown]> {
    const [, image = '', action] = /^\/images\/(.+?)(\/json|\/tag)?$/.exec(path) ?? [];
    if (path === '/version') return [200, { Version: '29.0.0', ApiVersion: `1.${this.store.minor}`, ...PLATFORM }];
    if (path === '/info') return [200, INFO];
    if (path === '/images/json') return [200, this.#list()];
    if (path === '/containers/create') return await this.#create(request, query.get('name'));
    if (path === '/containers/json') return [200, this.#filtered(query)];
    const [, container] = /^\/containers\/([0-9a-f]+)$/.exec(path) ?? [];
    if (container) return this.containers.delete(container) ? [204, ''] : [404, { message: 'No such container' }];
    const found = this.store.find(image);
    if (found === undefined) return [404, { message: `No such image: ${image}` }];
    if (action === '/json') return [200, this.change(this.#inspect(found.target, query))];
    if (action === '/tag') return this.#tag(found.target, query);
    return request.method === 'DELETE' ? this.#remove(image, found, query) : [404, { message: 'page not found' }];
  }

  async #load(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const how = this.how;
    this.how = undefined;
    if (how?.kind === 'answer-early') return this.#answerEarly(response, how.chunks);
    const tar = new Map<string, Buffer>();
    const names: string[] = [];
    this.loads.push(names);
    const parser = extract();
    let taken = 0;
    const body = (async function* () {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        taken += chunk.length;
        if (how?.kind === 'stop-reading') await new Promise(() => {});
        if (how?.kind === 'drop' && taken > how.after) request.destroy();
        yield chunk;
      }
    })();
    const fed = feed(body, parser);
    for await (const entry of parser) {
      names.push(entry.header.name);
      if (this.#locked.has(entry.header.name)) await new Promise(() => {});
      this.#locked.add(entry.header.name);
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      this.#locked.delete(entry.header.name);
      tar.set(entry.header.name, Buffer.concat(chunks));
    }
    await fed;
    await this.#finish(response, how, tar);
  }

  async #finish(response: ServerResponse, how: Misbehaviour | undefined, tar: Map<string, Buffer>): Promise<void> {
    if (how?.kind === 'silent') return;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    if (how?.kind === 'answer') {
      for (const chunk of how.chunks) await new Promise<void>((done) => response.write(chunk, () => done()));
      if (how.hangUp) response.socket?.destroy();
      else response.end();
      return;
    }
    const lines = this.store.load(tar);
    if (how?.kind === 'unpack-failure') lines.push({ stream: 'Error unpacking image x: no such snapshot\n' });
    response.end(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
  }

  /** As net/http does when a handler returns with the body unread: the answer, then the connection is closed. */
  #answerEarly(response: ServerResponse, chunks: readonly string[]): void {
    response.writeHead(200, { 'Content-Type': 'application/json', Connection: 'close' });
    response.end(chunks.join(''));
  }

  #list(): object[] {
    const targets = new Map([...this.store.records.values()].map((target) => [target.digest, target]));
    const shown = [...targets.values()].filter((target) => this.store.isWhole(target));
    return shown.map(({ digest }) => ({ Id: digest, RepoTags: this.store.tagsOf(digest) }));
  }

  #inspect(target: Target, query: URLSearchParams): Record<string, unknown> {
    const { os: Os, architecture: Architecture, config } = this.store.config(target) ?? {};
    const Manifests = [
      { ID: this.store.manifestOf(target)?.digest, Available: this.store.isWhole(target), Kind: 'image' },
    ];
    return {
      Id: target.digest,
      RepoTags: this.store.tagsOf(target.digest),
      RootFS: { Type: 'layers', Layers: this.store.diffIDs(target) },
      ...{ Os, Architecture, Config: config },
      ...(query.get('manifests') === '1' && this.store.minor >= 48 ? { Manifests } : {}),
    };
  }

  #tag(target: Target, query: URLSearchParams): [number, unknown] {
    this.store.tag(target, `${query.get('repo')}:${query.get('tag')}`);
    return [201, ''];
  }

  /** As image_delete.go: a container holds its image; forced, the last name goes and the image stays dangling. */
  #remove(
    asked: string,
    { name, target }: { name: string; target: Target },
    query: URLSearchParams,
  ): [number, unknown] {
    const used = [...this.containers.values()].some((container) => container['Image'] === target.digest);
    const names = this.store.tagsOf(target.digest);
    const isLast = asked === target.digest || names.length <= 1;
    if (isLast && used && (query.get('force') !== '1' || isDangling(name)))
      return [409, { message: 'conflict: container is using it' }];
    for (const one of asked === target.digest ? [...names, name] : [asked]) this.store.records.delete(one);
    if (isLast && used) this.store.keepDangling(target);
    this.store.collectGarbage();
    return [200, [{ Untagged: asked }]];
  }

  async #create(request: IncomingMessage, name: string | null): Promise<[number, unknown]> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
    if (this.store.find(String(body['Image'])) === undefined)
      return [404, { message: `No such image: ${body['Image']}` }];
    if (name !== null && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name))
      return [400, { message: `Invalid container name (${name})` }];
    const Name = name ?? `quirky_${randomBytes(4).toString('hex')}`;
    if ([...this.containers.values()].some((container) => container['Name'] === Name))
      return [409, { message: `Conflict. The container name "/${Name}" is already in use` }];
    const id = randomBytes(32).toString('hex');
    this.containers.set(id, { ...body, Name });
    return [201, { Id: id, Warnings: [] }];
  }

  #filtered(query: URLSearchParams): object[] {
    const [wanted] = (JSON.parse(query.get('filters') ?? '{}') as { label?: string[] }).label ?? [];
    const labels = (body: Record<string, unknown>) => body['Labels'] as Record<string, string>;
    const has = (body: Record<string, unknown>) =>
      wanted === undefined || Object.entries(labels(body)).some(([k, v]) => [k, `${k}=${v}`].includes(wanted));
    const found = [...this.containers].filter(([, body]) => has(body));
    return found.map(([Id, body]) => ({
      Id,
      Names: [`/${body['Name']}`],
      ImageID: body['Image'],
      State: 'created',
      Labels: labels(body),
    }));
  }
}

async function feed(body: AsyncIterable<Buffer>, parser: ReturnType<typeof extract>): Promise<void> {
  try {
    for await (const chunk of body) {
      if (!parser.write(chunk)) await new Promise<void>((resolve) => parser.once('drain', () => resolve()));
    }
    parser.end(undefined);
  } catch (error) {
    parser.destroy(error as Error);
  }
}

const PLATFORM = { Os: 'linux', Arch: 'amd64', Components: [{ Name: 'Engine' }] };

const INFO = {
  ID: 'fake-containerd',
  DriverStatus: [['driver-type', 'io.containerd.snapshotter.v1']],
  SecurityOptions: ['name=seccomp,profile=builtin', 'name=rootless'],
  DockerRootDir: '/var/lib/docker',
  Containerd: { Address: '/run/containerd/containerd.sock' },
};
