/**
 * One at a time: a lock file that names its holder by pid, start time and boot (FORMAT §7). A holder that is gone,
 * killed or from before a reboot, loses it by a rename over it. Who may do that is settled by a lock of its own beside
 * it, so that of many who find it one takes it over, and the name is never free in between.
 */
import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isErrno } from './errno.ts';
import { ContentError } from './error.ts';
import { asWriteError } from './write.ts';

/** A lock that is held. */
export interface Lock {
  /** Gives it back; safe to call twice. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** What is locked, for the error: `workspace ./ws`. */
  readonly what: string;
  /** Try again until this many milliseconds have gone by. @default 0 */
  readonly waitMs?: number;
}

/**
 * Takes away what killed processes left of their tries for a lock that the caller holds: their drafts, and a right to
 * take over whose holder is gone. Who is about to try loses its draft too, and finds the lock taken.
 */
export async function tidyLock(path: string): Promise<void> {
  const beside = `${path}.takeover`;
  const other = await findHolder(beside);
  if (other !== undefined && !(await isAlive(other))) await rm(beside, { force: true });
  const isDraft = (name: string) => /^(?:\.takeover)*\.[0-9a-f]{16}$/.test(name.slice(basename(path).length));
  for (const name of await readdir(dirname(path))) {
    if (name.startsWith(basename(path)) && isDraft(name)) await rm(join(dirname(path), name), { force: true });
  }
}

interface Holder {
  readonly pid: number;
  readonly started: string;
  readonly boot: string;
  readonly token: string;
}

const TRIES_PER_SECOND = 20;

/** Takes the lock. @throws {ContentError} `LOCKED` with the holder's pid when a living process has it */
export async function acquireLock(path: string, { what, waitMs = 0 }: LockOptions): Promise<Lock> {
  const holder = { ...(await describe(process.pid)), token: randomBytes(8).toString('hex') };
  for (let tries = Math.floor((waitMs / 1000) * TRIES_PER_SECOND); ; tries -= 1) {
    const other = await tryLock(path, holder);
    if (other === undefined) return { release: () => release(path, holder) };
    if (tries <= 0) throw locked(what, path, other);
    await new Promise((resolve) => setTimeout(resolve, 1000 / TRIES_PER_SECOND));
  }
}

/** The living process that holds a lock; `undefined` when it is free, or its holder is gone. Changes nothing. */
export async function findLockHolder(path: string): Promise<number | undefined> {
  const holder = await findHolder(path);
  return holder !== undefined && (await isAlive(holder)) ? holder.pid : undefined;
}

/** The holder that has it, or `undefined` when it is ours now. */
async function tryLock(path: string, holder: Holder): Promise<Holder | undefined> {
  if (await claim(path, holder)) return undefined;
  const other = await findHolder(path);
  if (other !== undefined && (await isAlive(other))) return other;
  if (other !== undefined) return takeOver(path, other, holder);
  return (await claim(path, holder)) ? undefined : ((await findHolder(path)) ?? holder);
}

/** A hard link appears with its content or not at all; where there are none, exclusive creation has to do. */
async function claim(path: string, holder: Holder): Promise<boolean> {
  const draft = `${path}.${holder.token}`;
  try {
    await writeFile(draft, JSON.stringify(holder), { mode: 0o600, flag: 'wx' });
    await link(draft, path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    // whoever holds it has tidied our draft away
    if (isErrno(error, 'ENOENT') && error.syscall === 'link') return false;
    if (isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) return claimWithoutLinks(path, holder);
    throw asWriteError(error, path);
  } finally {
    await rm(draft, { force: true });
  }
}

async function claimWithoutLinks(path: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(holder), { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw asWriteError(error, path);
  }
}

/**
 * Takes the place of a holder that is gone. Only who has the lock beside may, so a name that still shows the dead one
 * then stays so until our rename. A dead one in that lock is replaced in the same way.
 */
async function takeOver(path: string, dead: Holder, holder: Holder): Promise<Holder | undefined> {
  const beside = `${path}.takeover`;
  const busy = await tryLock(beside, holder);
  if (busy !== undefined) return busy;
  try {
    const current = await findHolder(path);
    if (current?.token !== dead.token) return current ?? dead;
    await replace(path, holder);
    return undefined;
  } finally {
    await release(beside, holder);
  }
}

async function replace(path: string, holder: Holder): Promise<void> {
  const draft = `${path}.${holder.token}`;
  try {
    await writeFile(draft, JSON.stringify(holder), { mode: 0o600, flag: 'wx' });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw asWriteError(error, path);
  }
}

async function release(path: string, holder: Holder): Promise<void> {
  const current = await findHolder(path);
  if (current?.token === holder.token) await rm(path, { force: true });
}

async function findHolder(path: string): Promise<Holder | undefined> {
  try {
    const { pid, started, boot, token } = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>;
    return { pid: Number(pid), started: String(started), boot: String(boot), token: String(token) };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (error instanceof SyntaxError) return { pid: 0, started: '', boot: '', token: 'unreadable' };
    throw error;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  const now = await describe(holder.pid);
  return now.started !== '' && now.started === holder.started && now.boot === holder.boot;
}

/** What tells a process from a later one with its number: field 22 of /proc/<pid>/stat, and the boot. */
async function describe(pid: number): Promise<Omit<Holder, 'token'>> {
  const stat = await readProc(`/proc/${pid}/stat`);
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return { pid, started, boot: (await readProc('/proc/sys/kernel/random/boot_id')).trim() };
}

async function readProc(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return '';
    throw error;
  }
}

function locked(what: string, path: string, { pid }: Holder): ContentError {
  return new ContentError(`lock ${what}: expected it free, got held by process ${pid}`, {
    code: 'LOCKED',
    facts: { path, pid },
  });
}
