/**
 * A transaction that is pending, for those who only report it: `status`, `inspect`, `verify`. One that is under way has
 * a living process at the state's lock; one that was cut off has none, and wants `ferry recover`. DESIGN decision 4.
 */

import { FerryError } from '../../errors.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { describePending, findPending, type Journal } from '../transaction/journal.ts';

/** What stands in the journal. */
export interface PendingTransaction {
  readonly command: Journal['command'];
  /** `import atrium 2.1.0 (sequence 7)`. */
  readonly title: string;
  /** ISO 8601. */
  readonly started: string;
  readonly direction: Journal['direction'];
  /** The step that was begun last. */
  readonly step: string;
  /** Why it goes back. */
  readonly reason?: string;
  /** The process that is at it now; none: it was cut off. */
  readonly process?: number;
}

/** What is pending, and the line for a person when somebody has to do something about it. */
export async function lookAtJournal(
  state: SiteStateReader | undefined,
): Promise<{ readonly pending?: PendingTransaction; readonly line?: string }> {
  let journal: Journal | undefined;
  try {
    journal = await findPending(state);
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    return { line: `a transaction is pending and its journal cannot be read: ${error.message}` };
  }
  if (journal === undefined) return {};
  const process = await state?.findHolder();
  const { command, title, started, direction, steps, at, reason } = journal;
  return {
    pending: {
      command,
      title,
      started,
      direction,
      step: steps[at]?.name ?? '',
      ...(reason !== undefined && { reason }),
      ...(process !== undefined && { process }),
    },
    ...(process === undefined && { line: describePending(journal) }),
  };
}
