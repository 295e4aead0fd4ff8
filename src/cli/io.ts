/**
 * What the command line sees of the world, so that a test can be the world: `process` itself is read in process.ts alone.
 * stdout carries results and nothing else; stderr everything that is meant for a person.
 */

/** How a question is asked. */
export interface QuestionOptions {
  /** The answer is not shown while it is typed. */
  readonly hidden: boolean;
}

/** The streams, environment and person around one run. */
export interface Io {
  /** Writes to stdout; ends with a newline. */
  out(text: string): void;
  /** Writes to stderr; ends with a newline. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Path of the executable, for what is to run it again. @default '/usr/bin/ferry' */
  readonly program?: string | undefined;
  /** The system's time, one instant for the whole run. */
  readonly now: Date;
  /** Aborted by Ctrl-C and by a request to end. */
  readonly signal: AbortSignal;
  /** Asks the person at the terminal; absent when there is none. */
  readonly ask?: ((question: string, options: QuestionOptions) => Promise<string>) | undefined;
  /** Takes a line of the audit log for the journal of the system; absent where nothing is to reach it. */
  readonly systemLog?: ((line: string) => Promise<void>) | undefined;
  /** stderr, when it is a terminal: where a spinner may turn. */
  readonly terminal?: NodeJS.WriteStream | undefined;
}
