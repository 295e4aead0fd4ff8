/**
 * A transaction: all checks come before the first change; changes are made in order, each after the journal says so; on
 * any failure or interruption they are undone in reverse, the one that failed included; and when all are done, what
 * the undo would have needed goes. A process that is killed anywhere leaves a journal for `recover.ts`, which goes the
 * same ways. DESIGN decision 4.
 */

import { messageOf, oneLine } from '../../errors.ts';
import { InstallError } from '../error.ts';
import { type AnyStepKind, kindOf } from '../steps/index.ts';
import type { Site, Step } from '../steps/step.ts';
import { type Journal, writeJournal } from './journal.ts';

/**
 * Makes all changes, or none.
 * @throws what the failed step threw, after everything is back; {InstallError} `INTERRUPTED` when the signal ended it;
 *   `UNDO_INCOMPLETE` naming what could not be put back: the journal stays, and `recover` goes on.
 */
export async function runTransaction(journal: Journal, site: Site): Promise<void> {
  for (const step of journal.steps) await kindOf(step).check?.(step.data, site);
  await goForward(journal, site, 0);
}

/**
 * Makes the steps from `from` on. `journal.at` is where it came before: steps up to there may have been made already.
 * @throws as {@link runTransaction}
 */
export async function goForward(journal: Journal, site: Site, from: number): Promise<void> {
  let at = journal.at;
  try {
    for (const [index, step] of journal.steps.entries()) {
      if (index < from) continue;
      if (site.signal?.aborted) throw interrupted(step.name);
      at = Math.max(journal.at, index);
      await writeJournal(site.state, { ...journal, at, direction: 'forward' });
      await kindOf(step).apply(step.data, site);
    }
    await writeJournal(site.state, { ...journal, at: journal.steps.length - 1, direction: 'settle' });
  } catch (error) {
    const cause = site.signal?.aborted ? interrupted(journal.steps[at]?.name ?? '', error) : error;
    await goBack({ ...journal, at, reason: oneLine(cause) }, site, cause);
    throw withLeft(cause, site);
  }
  await settle(journal, site);
}

/**
 * Undoes the steps from the one that was begun last, in reverse; stops where one cannot be undone, for the ones before
 * may be what it stands on.
 * @param cause why, for the error.
 * @throws {InstallError} `UNDO_INCOMPLETE`
 */
export async function goBack(journal: Journal, site: Site, cause?: unknown): Promise<void> {
  for (let at = journal.at; at >= 0; at -= 1) {
    const step = journal.steps[at] as Step;
    try {
      // a full disk must not hinder the way back: an older journal leads there too
      await writeJournal(site.state, { ...journal, at, direction: 'back' }).catch(() => undefined);
      await kindOf(step).undo(step.data, site);
    } catch (error) {
      throw withLeft(undoIncomplete(step.name, error, cause), site);
    }
  }
  for (const line of await site.tell('undone')) site.warn(line);
  await site.state.removeJournal();
}

/**
 * Lets go of what undo would have needed. The outcome stands, so what cannot be cleaned away now is only said, and the
 * journal stays for whoever comes next.
 */
export async function settle(journal: Journal, site: Site): Promise<void> {
  let isClean = true;
  for (const step of journal.steps.toReversed()) {
    const kind: AnyStepKind = kindOf(step);
    try {
      await kind.settle?.(step.data, site);
    } catch (error) {
      isClean = false;
      site.warn(`left behind after ${step.name}, \`ferry recover\` tries again: ${messageOf(error)}`);
    }
  }
  for (const line of await site.tell('finished')) site.warn(line);
  if (isClean) await site.state.removeJournal();
}

/** An error that says what is not as before; an interruption after which something is not is no mere one. */
function withLeft(error: unknown, { outcome: { left, restored } }: Site): unknown {
  if (!(error instanceof InstallError)) return error;
  if (left === undefined) return restored === undefined ? error : withRestored(error, restored);
  const isInterrupted = error.code === 'INTERRUPTED' && error.cause instanceof InstallError;
  const { message, code, facts, cause } = isInterrupted ? (error.cause as InstallError) : error;
  const hint = code === 'UNDO_INCOMPLETE' ? {} : { hint: left.join('; ') };
  return new InstallError(message, { code, cause, ...hint, facts: { ...facts, left } });
}

/** An error that says what serves again as before, ahead of what to do. */
function withRestored({ message, code, hint, facts, cause }: InstallError, restored: string): InstallError {
  const said = hint === undefined ? restored : `${restored}; ${hint}`;
  return new InstallError(message, { code, cause, hint: said, facts: { ...facts, restored } });
}

function undoIncomplete(step: string, error: unknown, cause: unknown): InstallError {
  // what ended the import comes first: the rest is most often the same trouble again
  const first = cause === undefined ? '' : `${messageOf(cause)}; `;
  return new InstallError(`${first}undo: expected all as before, got stuck at ${step}: ${messageOf(error)}`, {
    code: 'UNDO_INCOMPLETE',
    cause: cause ?? error,
    facts: { step, why: messageOf(error) },
  });
}

function interrupted(name: string, cause?: unknown): InstallError {
  return new InstallError(`interrupted at ${name}, everything is as it was before`, {
    code: 'INTERRUPTED',
    cause: cause instanceof InstallError && cause.code === 'INTERRUPTED' ? undefined : cause,
  });
}
