/**
 * A transaction as an ordered list of steps. All checks come before the first change; changes are made in order and, on
 * any failure or interruption, undone in reverse, the step that failed included. What a step keeps for its undo goes
 * when all are done. A journal goes between the lines of `runSteps` and needs nothing else.
 */

import { InstallError } from './error.ts';

/** One change of the site. */
export interface Step {
  /** Says in the journal and in errors what this is: `load ghcr.io/atrium/server:2.1.0`. */
  readonly name: string;
  /** Throws when it cannot be done here; changes nothing. */
  check?(): Promise<void>;
  apply(): Promise<void>;
  /** Puts back what was there before, however far `apply` came. Never looks at the signal. */
  undo(): Promise<void>;
  /** Lets go of what `undo` would have needed; the transaction is done. */
  settle?(): Promise<void>;
}

export interface RunStepsOptions {
  /** Stops before the next step, and whatever step listens to it. */
  readonly signal?: AbortSignal | undefined;
  /** Told of what could not be cleaned away after all was done. */
  readonly onWarning: (line: string) => void;
}

/**
 * Makes all changes, or none.
 * @throws what the failed step threw, after everything is back; {InstallError} `INTERRUPTED` when the signal ended it;
 *   `UNDO_INCOMPLETE` naming what could not be put back.
 */
export async function runSteps(steps: readonly Step[], options: RunStepsOptions): Promise<void> {
  for (const step of steps) await step.check?.();
  const begun: Step[] = [];
  try {
    for (const step of steps) {
      if (options.signal?.aborted) throw interrupted(step.name);
      begun.push(step);
      await step.apply();
    }
  } catch (error) {
    const cause = options.signal?.aborted ? interrupted(begun.at(-1)?.name ?? 'import', error) : error;
    await undoAll(begun.toReversed(), cause);
    throw cause;
  }
  for (const step of steps.toReversed()) await settle(step, options.onWarning);
}

async function undoAll(steps: readonly Step[], cause: unknown): Promise<void> {
  const left: { readonly step: string; readonly why: string }[] = [];
  for (const step of steps) {
    try {
      await step.undo();
    } catch (error) {
      left.push({ step: step.name, why: messageOf(error) });
    }
  }
  const [first] = left;
  if (first === undefined) return;
  const names = left.map(({ step }) => step).join(', ');
  // what ended the import comes first: the rest is most often the same trouble again
  throw new InstallError(
    `${messageOf(cause)}; undo import: expected all as before, got stuck at ${names}: ${first.why}`,
    {
      code: 'UNDO_INCOMPLETE',
      cause,
      facts: { left },
    },
  );
}

async function settle(step: Step, onWarning: (line: string) => void): Promise<void> {
  try {
    await step.settle?.();
  } catch (error) {
    onWarning(`left behind after ${step.name}: ${messageOf(error)}`);
  }
}

function interrupted(name: string, cause?: unknown): InstallError {
  return new InstallError(`import: interrupted at ${name}, everything is as it was before`, {
    code: 'INTERRUPTED',
    cause: cause instanceof InstallError && cause.code === 'INTERRUPTED' ? undefined : cause,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
