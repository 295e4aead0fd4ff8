/**
 * How a long command shows where it is. On a terminal a spinner (ora) with the phase, bytes, rate and time left;
 * elsewhere a plain line when a phase begins and now and then while it lasts; with `--json` one event for each phase.
 */
import type { Ora } from 'ora';
import type { Progress } from '../content/index.ts';
import { formatBytes, formatDuration } from './format.ts';
import type { Io } from './io.ts';

/** A progress that the command ends before it prints its result. */
export interface ShownProgress extends Progress {
  /** Takes the spinner off the screen. May be called twice. */
  stop(): void;
}

/** Milliseconds between two changes of the spinner's text. */
const REDRAW_MS = 100;
/** Milliseconds between two plain lines of one phase: a log of a night's export stays short. */
const PLAIN_LINE_MS = 30_000;

/** One phase and how far it is. */
class Phase {
  readonly name: string;
  readonly total: number | undefined;
  readonly started = performance.now();
  done = 0;

  constructor(name: string, total: number | undefined) {
    this.name = name;
    this.total = total;
  }

  /** `download  1.2 GB of 3.4 GB  35 %  112 MB/s  19 s left`; no rate in the first second, when it says nothing yet. */
  toString(): string {
    const parts = [this.name];
    if (this.total) parts.push(`${formatBytes(this.done)} of ${formatBytes(this.total)}`, `${this.percent()} %`);
    else if (this.done > 0) parts.push(formatBytes(this.done));
    const seconds = (performance.now() - this.started) / 1000;
    const rate = this.done / seconds;
    if (seconds > 1 && this.done > 0) {
      parts.push(`${formatBytes(rate)}/s`);
      if (this.total && this.done < this.total) parts.push(`${formatDuration((this.total - this.done) / rate)} left`);
    }
    return parts.join('  ');
  }

  percent(): number {
    return Math.min(100, Math.floor((100 * this.done) / (this.total ?? 1)));
  }
}

/** Events of a machine's reader: `{"event":"phase","phase","total"}`; notes stay prose on stderr. */
export function jsonProgress(io: Io): ShownProgress {
  return {
    phase: (phase, total) =>
      io.out(JSON.stringify({ event: 'phase', phase, ...(total === undefined ? {} : { total }) })),
    advance: () => {},
    note: (line) => io.err(`ferry: ${line}`),
    stop: () => {},
  };
}

/** Lines for a log. */
export function plainProgress(io: Io): ShownProgress {
  let phase: Phase | undefined;
  let said = 0;
  return {
    phase: (name, total) => {
      phase = new Phase(name, total);
      said = performance.now();
      io.err(`ferry: ${total ? `${name}, ${formatBytes(total)}` : name}`);
    },
    advance: (bytes) => {
      if (!phase) return;
      phase.done += bytes;
      if (performance.now() - said < PLAIN_LINE_MS) return;
      said = performance.now();
      io.err(`ferry: ${phase}`);
    },
    note: (line) => io.err(`ferry: ${line}`),
    stop: () => {},
  };
}

/** A spinner on `terminal`. ora is loaded here and not before, since it takes longer than most commands. */
export async function spinnerProgress(io: Io, terminal: NodeJS.WriteStream): Promise<ShownProgress> {
  const { default: ora } = await import('ora');
  // discardStdin would put the terminal into raw mode, where Ctrl-C is no signal. Whether this is a terminal that takes
  // it is decided before; ora would look at the process's environment, and be silent where CI is set.
  const spinner: Ora = ora({ stream: terminal, discardStdin: false, isEnabled: true });
  let phase: Phase | undefined;
  let drawn = 0;
  return {
    phase: (name, total) => {
      phase = new Phase(name, total);
      drawn = performance.now();
      spinner.start(`${phase}`);
    },
    advance: (bytes) => {
      if (!phase) return;
      phase.done += bytes;
      if (performance.now() - drawn < REDRAW_MS) return;
      drawn = performance.now();
      spinner.text = `${phase}`;
    },
    note: (line) => {
      spinner.clear();
      io.err(`ferry: ${line}`);
    },
    stop: () => void spinner.stop(),
  };
}
