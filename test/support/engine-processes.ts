/**
 * The processes of a private engine: dockerd, containerd, shims and what runs in their containers. They are known by the
 * engine's own folder in their command line, containers by the shim that they are children of; each is ended by its pid.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that names the engine's folder but is none of these, as a client does, is not the engine's. */
const PROGRAMS = /^(dockerd|containerd|containerd-shim(-[\w-]+)?|runc|docker-proxy)$/;
const SHIM = /^containerd-shim/;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly args: readonly string[];
}

/** Pids of what belongs to the engine in `root`, in the order in which they are to be ended: shims after their containers. */
export function enginePids(root: string): number[] {
  const all = listProcesses();
  const own = all.filter(({ args }) => isProgram(args, PROGRAMS) && args.some((arg) => arg.includes(`${root}/`)));
  const shims = own.filter(({ args }) => isProgram(args, SHIM));
  const rest = own.filter((process) => !shims.includes(process));
  const contained = shims.flatMap(({ pid }) => descendants(pid, all));
  return [...new Set([...rest, ...contained, ...shims].map(({ pid }) => pid))];
}

/** Ends all of them, at once, and waits until none is left. @throws when some are after ten seconds */
export async function endEngineProcesses(root: string): Promise<void> {
  const end = performance.now() + 10_000;
  // again and again: one may have started another meanwhile, and a container outlives its shim for a moment
  const known = new Set<number>();
  for (;;) {
    for (const pid of enginePids(root)) {
      known.add(pid);
      killPid(pid);
    }
    const left = [...known].filter(isRunning);
    if (left.length === 0) return;
    if (performance.now() > end)
      throw new Error(`end the engine in ${root}: expected no process, got ${left.join(' ')}`);
    await delay(20);
  }
}

const isProgram = ([program = '']: readonly string[], names: RegExp): boolean => names.test(basename(program));

function descendants(pid: number, all: readonly Process[]): Process[] {
  return all.filter(({ parent }) => parent === pid).flatMap((child) => [...descendants(child.pid, all), child]);
}

function listProcesses(): Process[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).flatMap((pid) => {
    const stat = findStat(pid);
    const args = readProc(pid, 'cmdline')?.split('\0');
    return stat === undefined || args === undefined ? [] : [{ pid, parent: stat.parent, args }];
  });
}

/** Whether there is such a process; one that has ended and waits for its parent to ask is none. */
export const isRunning = (pid: number): boolean => !['Z', 'X', undefined].includes(findStat(pid)?.state);

/** proc_pid_stat(5): the name, in brackets, may hold anything. */
function findStat(pid: number): { state: string; parent: number } | undefined {
  const text = readProc(pid, 'stat');
  const [state = '', parent] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  return text === undefined ? undefined : { state, parent: Number(parent) };
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined; // it ended meanwhile
  }
}

function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
