/**
 * One run of one command: how its result is printed and its progress shown, for a person or as JSON lines. A command
 * knows nothing about streams; it asks for progress, does one thing, and hands its result over in both forms.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { spellOut } from '../errors.ts';
import { CliError } from './error.ts';
import { printable } from './format.ts';
import type { Io } from './io.ts';
import { jsonProgress, plainProgress, type ShownProgress, spinnerProgress } from './progress.ts';

/** What a command found or did. */
export interface Result {
  /** The fields of the result event. Dates appear as ISO text, undefined ones not at all. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The same for a person. */
  readonly lines: readonly string[];
  /** @default 0; `status` answers 10 when a person should look. */
  readonly exit?: 0 | 10;
}

/** What is kept and lost when the command is stopped half-way: one sentence without a full stop. */
export type Kept = string;

/** Printing, progress and exit status of one run. */
export class Session {
  readonly io: Io;
  /** The arguments as they were typed. */
  readonly argv: readonly string[];
  readonly now: Date;
  json = false;
  kept: Kept | undefined;
  exit: number = 0;
  #progress: ShownProgress | undefined;

  constructor(io: Io, argv: readonly string[]) {
    // no terminal is to act on what a file or a server calls itself; JSON is for machines
    this.io = { ...io, err: (text) => io.err(printable(text)) };
    this.now = io.now;
    this.argv = argv;
  }

  /**
   * The date that the office writes into what it signs: `SOURCE_DATE_EPOCH` where it is set, so that two exports are one
   * file (FORMAT §2). A site never asks for it: its environment is no clock.
   */
  issued(): Date {
    const epoch = this.io.env['SOURCE_DATE_EPOCH'];
    if (epoch === undefined || epoch === '') return this.now;
    const date = new Date(Number(epoch) * 1000);
    if (!/^\d+$/.test(epoch) || Number.isNaN(date.getTime())) {
      throw new CliError(`read SOURCE_DATE_EPOCH: expected seconds since 1970, got "${epoch}"`, { code: 'USAGE' });
    }
    return date;
  }

  /** A path as the person typed it, from the folder they typed it in. */
  path(text: string): string {
    return resolve(this.io.cwd, text);
  }

  /** The progress of this run; `kept` is said when the person stops it. */
  async progress(kept?: Kept): Promise<ShownProgress> {
    this.kept = kept;
    if (this.json) this.#progress = jsonProgress(this.io);
    else if (this.io.terminal) this.#progress = await spinnerProgress(this.io, this.io.terminal);
    else this.#progress = plainProgress(this.io);
    return this.#progress;
  }

  /** Prints the result, after the spinner is gone. */
  finish({ fields, lines, exit = 0 }: Result): void {
    this.stopProgress();
    this.exit = exit;
    if (this.json) this.io.out(JSON.stringify({ event: 'result', ...fields }));
    else if (lines.length > 0) this.io.out(printable(lines.join('\n')));
  }

  /** Shows something on the way: a machine reads an event, a person lines beside the result. */
  tell({
    event,
    lines,
  }: {
    readonly event: Readonly<Record<string, unknown>>;
    readonly lines: readonly string[];
  }): void {
    this.stopProgress();
    if (this.json) this.io.out(JSON.stringify(event));
    else for (const line of lines) this.io.err(line);
  }

  /** Says something beside the result: a person reads it, a machine finds it in the result's `warnings`. */
  warn(lines: readonly string[]): void {
    this.stopProgress();
    for (const line of lines) this.io.err(`ferry: warning: ${spellOut(line)}`);
  }

  stopProgress(): void {
    this.#progress?.stop();
  }

  /** A question at the terminal. @throws {CliError} `QUESTION_UNANSWERED` when nobody is there, with `instead` as the hint */
  async ask(question: string, { hidden = false, instead }: { hidden?: boolean; instead: string }): Promise<string> {
    this.stopProgress();
    if (!this.io.ask) {
      throw new CliError(`${question.replace(/[:\s]+$/, '')}: there is no terminal to ask on`, {
        code: 'QUESTION_UNANSWERED',
        hint: instead,
      });
    }
    return this.io.ask(question, { hidden });
  }

  /** A text file that an option names. @throws {CliError} `OPTION_FILE` when it cannot be read */
  async readText(path: string, what: string): Promise<string> {
    try {
      return await readFile(this.path(path), 'utf8');
    } catch (error) {
      throw new CliError(`read ${what}: ${path}: ${(error as NodeJS.ErrnoException).code ?? 'not readable'}`, {
        code: 'OPTION_FILE',
        cause: error,
      });
    }
  }
}
