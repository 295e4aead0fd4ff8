/**
 * The Engine API as a few calls with our own errors. This is the only file that knows dockerode. Paths carry no
 * version: every engine then speaks its own newest. What comes back is unknown until the caller has looked at it.
 */
import type { Agent, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { isErrno } from '../content/index.ts';
import type { EngineAddress } from './address.ts';
import { formatAddress } from './address.ts';
import { DockerError } from './error.ts';
import { asDockerError } from './failure.ts';

/** One request. `path` begins with a slash; names in it have been checked by their grammar. */
export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Longer than that is a failure. @default 600_000 */
  readonly deadlineMs?: number;
}

/** The line to one engine. */
export interface EngineAPI {
  /** Sends a request, gives the parsed JSON. @throws {DockerError} `ENGINE_FAILED` with `facts.status`, and what failing to connect means */
  ask(request: EngineRequest): Promise<unknown>;
  /** As `ask`, but `undefined` for 404. */
  find(request: EngineRequest): Promise<unknown>;
  /** As `ask`, but the answer as it comes; ended by whoever reads it, or when its time is over. */
  stream(request: EngineRequest): Promise<IncomingMessage>;
  /** Posts a tar to `/images/load`; resolves when the engine begins to answer, which may be before it has everything. */
  load(tar: Readable, signal: AbortSignal): Promise<IncomingMessage>;
  /** Asks for an image of no files, with one label, under a name. The answer is lines, as a load's. */
  importEmpty(name: { readonly repo: string; readonly tag: string }, label: string): Promise<IncomingMessage>;
  close(): void;
}

const EMPTY_TAR = Buffer.alloc(1024);

type DialOptions = Parameters<Docker['modem']['dial']>[0];

/** Opens the line over an agent; nothing is sent yet. `close` ends the agent's connections. */
export async function openAPI(address: EngineAddress, agent: Agent): Promise<EngineAPI> {
  const docker = await openDocker(address, agent);
  const where = formatAddress(address);
  const once = async (request: EngineRequest, { isStream = false } = {}): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    docker.modem.dial({ ...dialOptions(request), isStream }, (error, result) => {
      if (error) reject(error);
      else resolve(result);
    });
    return await promise;
  };
  const ask = async (request: EngineRequest): Promise<unknown> => {
    try {
      return await once(request).catch((error: unknown) => {
        // a kept connection that the other side has closed meanwhile took nothing of a question: it is asked anew
        if (request.method === 'GET' && isErrno(error, 'EPIPE')) return once(request);
        throw error;
      });
    } catch (error) {
      throw asDockerError(error, { where, what: `${request.method} ${request.path}` });
    }
  };
  const stream = async (request: EngineRequest) => {
    try {
      return (await once(request, { isStream: true })) as IncomingMessage;
    } catch (error) {
      throw asDockerError(error, { where, what: `${request.method} ${request.path}` });
    }
  };
  const load = async (tar: Readable, signal: AbortSignal) => {
    try {
      // quiet=0: the classic store then tells of each layer. Never `platform`: it makes engines demand every blob.
      return (await docker.loadImage(tar, { quiet: 0, abortSignal: signal })) as IncomingMessage;
    } catch (error) {
      throw asDockerError(error, { where, what: 'POST /images/load', signal });
    }
  };
  const importEmpty = async (name: { readonly repo: string; readonly tag: string }, label: string) => {
    try {
      return (await docker.importImage(Readable.from([EMPTY_TAR]), {
        ...name,
        changes: `LABEL ${label}=true`,
      })) as IncomingMessage;
    } catch (error) {
      throw asDockerError(error, { where, what: 'POST /images/create' });
    }
  };
  const find = (request: EngineRequest) => ask(request).catch(undefinedFor404);
  return { ask, find, stream, load, importEmpty, close: () => agent.destroy() };
}

/**
 * docker-modem fills what it is not told from the process's environment, and cuts the last character of a path with a
 * question mark when there are no options: hence every option here, and the trailing `&`. It takes a tenth of a second
 * to load, with gRPC for builds, so it is loaded by whoever connects: `inspect` and `verify` don't.
 */
async function openDocker(address: EngineAddress, agent: Agent): Promise<Docker> {
  const { default: Dockerode } = await import('dockerode');
  const nowhere = { host: undefined, port: undefined, socketPath: undefined, timeout: undefined };
  const none = { ...nowhere, ca: undefined, cert: undefined, key: undefined, version: undefined, headers: {} };
  const there = {
    unix: () => ({ protocol: 'http', socketPath: (address as { path: string }).path }),
    tcp: () => ({ protocol: isTLS(address) ? 'https' : 'http', ...hostAndPort(address) }),
    ssh: () => ({ protocol: 'http', host: 'docker' }),
  }[address.kind]();
  try {
    const options = { ...none, ...there, agent, pathPrefix: '/' };
    return new Dockerode(options as unknown as Docker.DockerOptions); // the types forbid saying undefined, and know no agent
  } catch (cause) {
    throw new DockerError(`read DOCKER_HOST: expected an address and readable certificates, got ${String(cause)}`, {
      code: 'ENGINE_ADDRESS',
      cause,
    });
  }
}

function dialOptions(request: EngineRequest): DialOptions {
  const { method, path, query = {}, body, deadlineMs = 600_000 } = request;
  const common = {
    method,
    abortSignal: AbortSignal.timeout(deadlineMs),
    statusCodes: { 200: true, 201: true, 204: true },
  };
  if (body !== undefined) return { ...common, path: `${path}?`, options: { _query: query, _body: body } };
  return { ...common, path: `${path}?${new URLSearchParams(query)}&` };
}

function undefinedFor404(error: unknown): undefined {
  if (error instanceof DockerError && error.facts['status'] === 404) return undefined;
  throw error;
}

function isTLS(address: EngineAddress): boolean {
  return address.kind === 'tcp' && address.tls !== undefined;
}

function hostAndPort(address: EngineAddress) {
  if (address.kind !== 'tcp') return {};
  return { host: address.host.includes(':') ? `[${address.host}]` : address.host, port: address.port };
}
