/**
 * Times whole commands from outside: wall clock and peak memory of the process, medians of several runs. Two commands
 * that are compared run in turn, A B A B, so that a machine that grows slower does so for both.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A command and what makes each of its runs a first one. */
export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs before each timed run, untimed. */
  readonly before?: () => Promise<unknown> | undefined;
}

export interface Measured {
  /** Median, in seconds. */
  readonly seconds: number;
  /** Highest resident set of the started process in any run, in MiB. */
  readonly peakMiB: number;
}

const SAMPLE_MS = 10;

/** Runs a command once. @throws when it does not exit with 0, with what it wrote to stderr */
export async function runOnce({ argv, env, cwd, before }: Command): Promise<Measured> {
  await before?.();
  execFileSync('sync'); // nobody pays for what the one before left to the disk
  const [file, ...args] = argv as [string, ...string[]];
  const started = performance.now();
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let peakKiB = 0;
  const sampler = setInterval(() => {
    peakKiB = Math.max(peakKiB, highWater(child.pid as number));
  }, SAMPLE_MS);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk).slice(-2000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const seconds = (performance.now() - started) / 1000;
  clearInterval(sampler);
  if (code !== 0) throw new Error(`${argv.join(' ')}: status ${code}: ${stderr}`);
  return { seconds, peakMiB: peakKiB / 1024 };
}

/** Runs each command once untimed, then `runs` times in turn. */
export async function runInTurn(commands: readonly Command[], runs = 5): Promise<Measured[]> {
  const all = commands.map((): Measured[] => []);
  for (let i = -1; i < runs; i += 1) {
    for (const [k, command] of commands.entries()) {
      const measured = await runOnce(command);
      if (i >= 0) all[k]?.push(measured);
    }
  }
  return all.map((list) => ({
    seconds: median(list.map(({ seconds }) => seconds)),
    peakMiB: Math.max(...list.map(({ peakMiB }) => peakMiB)),
  }));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
  return (low + high) / 2;
}

/** VmHWM only grows, so that the last sample before the end is the peak but for the last few milliseconds. */
function highWater(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // it has just ended
  }
}
