/**
 * Stands between one run of a command in this process and the world it changes: sees each operation on the folders that
 * it watches and each change asked of the engine, in order, and can fail one, fail all from one on, or stop the run dead
 * before one. A run that is stopped never comes back: whatever it still wants to change waits for ever, its connections
 * are cut and its files closed, as by a power cut. Code outside of the run is not touched: `AsyncLocalStorage` tells whose call it is.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { fstatSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';

/** What is about to be done, with real paths; `inode` where a file or folder is at hand. */
export interface Operation {
  readonly kind:
    | 'create'
    | 'write'
    | 'truncate'
    | 'sync'
    | 'chmod'
    | 'mkdir'
    | 'rename'
    | 'link'
    | 'symlink'
    | 'remove'
    | 'rmdir'
    | 'read'
    | 'call';
  readonly path: string;
  /** New name of a rename or link; what a symlink says; `POST /images/load` of a call has its path only. */
  readonly to?: string;
  readonly mode?: number;
  readonly inode?: number;
  /** Of a read. */
  readonly range?: { readonly offset: number; readonly length: number };
}

export interface TapOptions {
  /** Real paths; what is elsewhere goes by unseen. */
  readonly folders: readonly string[];
  /** Called before each operation: throws to fail it, answers `stop` to stop the run. */
  readonly before?: (operation: Operation, count: number) => 'stop' | undefined;
  /** Called when it is done. */
  readonly after?: (operation: Operation) => void;
}

/** One run. */
export class Tap {
  readonly #options: TapOptions;
  readonly #sockets = new Set<Socket>();
  readonly #handles = new Map<FileHandle, string>();
  readonly #stopped = Promise.withResolvers<'stopped'>();
  /** Operations that were begun. */
  count = 0;
  isStopped = false;

  constructor(options: TapOptions) {
    this.#options = options;
    install();
  }

  /** Runs a command to its end, or until it is stopped. */
  async run<T>(command: () => Promise<T>): Promise<T | 'stopped'> {
    const running = runs.run(this, command);
    running.catch(() => undefined); // of a stopped run nobody hears
    const ended = await Promise.race([running, this.#stopped.promise]);
    if (this.isStopped) await this.#discard();
    return ended;
  }

  watches(path: string): boolean {
    return this.#options.folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
  }

  /** Rejects when the operation is to fail; never comes back when the run is stopped. */
  async before(operation: Operation): Promise<void> {
    if (this.judge(operation)) await new Promise(() => {});
  }

  /** Whether the run stands still from here on. @throws when the operation is to fail */
  judge(operation: Operation): boolean {
    if (this.isStopped) return true;
    if (operation.kind !== 'read') this.count += 1;
    if (this.#options.before?.(operation, this.count) !== 'stop') return false;
    this.isStopped = true;
    this.#stopped.resolve('stopped');
    return true;
  }

  after(operation: Operation): void {
    if (!this.isStopped) this.#options.after?.(operation);
  }

  keepSocket(socket: Socket): void {
    this.#sockets.add(socket);
    if (this.isStopped) socket.destroy();
  }

  keepHandle(handle: FileHandle, path: string): void {
    this.#handles.set(handle, path);
    if (this.isStopped) handle.close().catch(() => undefined);
  }

  /** Files that a run which has ended left open. */
  get leftOpen(): readonly string[] {
    return [...this.#handles].flatMap(([{ fd }, path]) => (fd >= 0 ? [path] : []));
  }

  async #discard(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const handle of this.#handles.keys()) await handle.close().catch(() => undefined);
  }
}

/** An error as the system has it: a call on an open file names no path. */
export function systemError(code: 'ENOSPC' | 'EIO', { kind, path }: Operation): Error {
  const [errno, text] = code === 'ENOSPC' ? [-28, 'no space left on device'] : [-5, 'i/o error'];
  const syscall = { create: 'open', sync: 'fsync' }[kind as string] ?? kind;
  const isOnHandle = ['write', 'sync', 'read', 'truncate'].includes(kind);
  const error = new Error(`${code}: ${text}, ${syscall}${isOnHandle ? '' : ` '${path}'`}`);
  return Object.assign(error, { code, errno, syscall, ...(isOnHandle ? {} : { path }) });
}

const runs = new AsyncLocalStorage<Tap>();
let isInstalled = false;

function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  tapNames();
  tapOpen();
  tapEngine();
  syncBuiltinESMExports();
}

/** Puts a function in the place of another of the same type, which it is given. */
function wrap<O extends object, K extends keyof O>(object: O, name: K, make: (real: O[K]) => O[K]): void {
  object[name] = make(object[name]);
}

/** Does it, seen by the run whose call it is. */
async function through<T>(describe: () => Operation, act: () => Promise<T>): Promise<T> {
  const run = runs.getStore();
  const operation = run && describe();
  if (run === undefined || operation === undefined || !run.watches(operation.path)) return act();
  await run.before(operation);
  const result = await act();
  run.after(operation);
  return result;
}

function tapNames(): void {
  const two = (kind: 'rename' | 'link') => (real: typeof fs.rename) => (from: string, to: string) =>
    through(
      () => ({ kind, path: realName(from), to: realName(to) }),
      () => real(from, to),
    );
  wrap(fs, 'rename', two('rename') as never);
  wrap(fs, 'link', two('link') as never);
  wrap(
    fs,
    'symlink',
    ((real: typeof fs.symlink) => (target: string, path: string) =>
      through(
        () => ({ kind: 'symlink', path: realName(path), to: target }),
        () => real(target, path),
      )) as never,
  );
  wrap(
    fs,
    'mkdir',
    ((real: typeof fs.mkdir) => (path: string, options?: { mode?: number }) =>
      through(
        () => ({ kind: 'mkdir', path: realName(path), mode: options?.mode ?? 0o777 }),
        () => real(path, options),
      )) as never,
  );
  for (const [name, kind] of [
    ['rm', 'remove'],
    ['unlink', 'remove'],
    ['rmdir', 'rmdir'],
  ] as const) {
    wrap(
      fs,
      name,
      ((real: typeof fs.rm) => (path: string, options?: object) =>
        through(
          () => ({ kind, path: realName(path) }),
          () => real(path, options),
        )) as never,
    );
  }
  wrap(
    fs,
    'chmod',
    ((real: typeof fs.chmod) => (path: string, mode: number) =>
      through(
        () => ({ kind: 'chmod', path: realName(path), mode }),
        () => real(path, mode),
      )) as never,
  );
  // fs.writeFile opens by itself and would not be seen: the same by calls that are
  wrap(fs, 'writeFile', (() => async (path: string, bytes: string, options?: { mode?: number; flag?: string }) => {
    const file = await fs.open(path, options?.flag ?? 'w', options?.mode);
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  }) as never);
}

function tapOpen(): void {
  const paths = new WeakMap<FileHandle, string>();
  wrap(fs, 'open', ((real: typeof fs.open) =>
    async (path: string, flags: string | number = 'r', mode = 0o666) => {
      const run = runs.getStore();
      if (run === undefined) return real(path, flags, mode);
      const name = realName(path);
      const writes = typeof flags === 'string' && /[wa+]/.test(flags);
      const isNew = writes && run.watches(name) && !isThere(name);
      if (isNew) await run.before({ kind: 'create', path: name, mode });
      const handle = await real(path, flags, mode);
      run.keepHandle(handle, name);
      paths.set(handle, name);
      tapHandle(handle, paths);
      const { ino: inode } = fstatSync(handle.fd);
      if (isNew) run.after({ kind: 'create', path: name, mode, inode });
      else if (writes && run.watches(name) && flags.startsWith('w')) run.after({ kind: 'truncate', path: name, inode });
      return handle;
    }) as never);
}

let isHandleTapped = false;

/** All handles have one prototype, which no module exports. */
function tapHandle(first: FileHandle, paths: WeakMap<FileHandle, string>): void {
  if (isHandleTapped) return;
  isHandleTapped = true;
  const prototype = Object.getPrototypeOf(first) as FileHandle;
  const tapped = (
    kind: Operation['kind'],
    name: 'write' | 'writeFile' | 'appendFile' | 'sync' | 'datasync' | 'chmod' | 'truncate' | 'writev',
  ) =>
    wrap(
      prototype,
      name,
      ((real: (...args: unknown[]) => Promise<unknown>) =>
        function (this: FileHandle, ...args: unknown[]) {
          const path = paths.get(this);
          if (path === undefined || runs.getStore() === undefined) return real.apply(this, args);
          const mode = kind === 'chmod' ? { mode: args[0] as number } : {};
          return through(
            () => ({ kind, path, inode: fstatSync(this.fd).ino, ...mode }),
            () => real.apply(this, args),
          );
        }) as never,
    );
  for (const name of ['write', 'writeFile', 'appendFile', 'writev'] as const) tapped('write', name);
  for (const name of ['sync', 'datasync'] as const) tapped('sync', name);
  tapped('chmod', 'chmod');
  tapped('truncate', 'truncate');
  wrap(
    prototype,
    'read',
    ((real: (...args: unknown[]) => Promise<unknown>) =>
      function (this: FileHandle, ...args: unknown[]) {
        const path = paths.get(this);
        const [, , length, offset] = args as [unknown, unknown, number, number];
        const run = runs.getStore();
        if (path === undefined || run === undefined) return real.apply(this, args);
        const range = { offset: Number(offset), length: Number(length) };
        return through(
          () => ({ kind: 'read', path, range }),
          () => real.apply(this, args),
        );
      }) as never,
  );
}

/** Requests that change something; a stopped run gets no further ones through, nor new connections. */
function tapEngine(): void {
  wrap(http, 'request', ((real: (...args: unknown[]) => unknown) =>
    (...args: unknown[]) => {
      const [options] = args as [{ method?: string; path?: string }];
      const run = runs.getStore();
      const isChange = options.method !== undefined && options.method !== 'GET';
      if (
        run?.isStopped ||
        (run && isChange && run.judge({ kind: 'call', path: `${options.method} ${options.path}` }))
      ) {
        throw new Error('stopped');
      }
      return real(...args);
    }) as never);
  wrap(
    Socket.prototype,
    'connect',
    ((real: (...args: unknown[]) => Socket) =>
      function (this: Socket, ...args: unknown[]) {
        runs.getStore()?.keepSocket(this);
        return real.apply(this, args);
      }) as never,
  );
}

/** The path without links in its folders; the last name is what is meant. */
function realName(path: string): string {
  const [, fd, rest] = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/.exec(String(path)) ?? [];
  const known = fd === undefined ? resolve(String(path)) : join(readlinkSync(`/proc/self/fd/${fd}`), rest ?? '');
  try {
    return join(realpathSync(dirname(known)), basename(known));
  } catch {
    return known; // its folder is not there yet
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
