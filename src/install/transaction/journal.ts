/**
 * What `journal.json` says of a transaction: what it is about, its steps as data, which one was begun last, and whether
 * it goes on, back, or only has to let go. Written before each step, so that a process that is killed is always found
 * at a step that it may have begun, never beyond. DESIGN decision 4, FORMAT §7.
 */

import { join } from 'node:path';
import type { SiteState, SiteStateReader } from '../../state/index.ts';
import { InstallError } from '../error.ts';
import { STEP_KINDS, type Step } from '../steps/step.ts';

/** `forward`: making changes; `back`: undoing them; `settle`: all is done, and what undo would have needed goes. */
export type Direction = 'forward' | 'back' | 'settle';

/** Which engine it changes: two on one host may have one ID, not one folder. */
export interface JournalEngine {
  readonly socket: string;
  readonly id: string;
  readonly dataRoot?: string;
}

/** What the journal says of an engine. */
export function journalEngine({ socket, id, dataRoot }: JournalEngine): JournalEngine {
  return { socket, id, ...(dataRoot !== undefined && { dataRoot }) };
}

/** A transaction that is under way, or was cut off. */
export interface Journal {
  /** 12 hex digits: part of every temporary name. */
  readonly id: string;
  readonly command: 'import' | 'rollback' | 'license' | 'tls';
  /** For people: `import atrium 2.1.0 (sequence 7)`. */
  readonly title: string;
  readonly product?: string;
  readonly release?: string;
  /** Of the release that will be installed. */
  readonly sequence?: number;
  readonly prefix: string;
  /** Absent where none is needed. */
  readonly engine?: JournalEngine;
  /** ISO 8601. */
  readonly started: string;
  readonly steps: readonly Step[];
  /** The step that was begun last; on the way back the one that is being undone. */
  readonly at: number;
  readonly direction: Direction;
  /** Why it goes back, one line. */
  readonly reason?: string;
}

/** The transaction that is pending here. @throws {StateError} `STATE_DAMAGED`; {InstallError} `JOURNAL_DAMAGED` */
export async function findPending(state: SiteStateReader | undefined): Promise<Journal | undefined> {
  const fields = await state?.findJournal();
  if (fields === undefined) return undefined;
  const journal = fields as unknown as Journal;
  const isWhole =
    typeof journal.id === 'string' &&
    typeof journal.title === 'string' &&
    typeof journal.prefix === 'string' &&
    Array.isArray(journal.steps) &&
    journal.steps.every(({ kind }) => STEP_KINDS.includes(kind)) &&
    journal.steps[journal.at] !== undefined &&
    ['forward', 'back', 'settle'].includes(journal.direction);
  if (!isWhole) throw damaged(join(state?.dir ?? '', 'journal.json'));
  return journal;
}

/** Puts it on the disk, synced, in place of the former one. */
export async function writeJournal(state: SiteState, journal: Journal): Promise<void> {
  await state.writeJournal({ ...journal });
}

/** In words, for whoever only reports it. */
export function describePending({ title, direction, at, steps, started }: Journal): string {
  const step = steps[at]?.name ?? '';
  const doing = {
    forward: `was cut off at "${step}"`,
    back: `is half undone, at "${step}"`,
    settle: 'is done but for cleaning up',
  };
  return `${title}, begun ${started.slice(0, 19)}Z, ${doing[direction]}: run ferry recover`;
}

function damaged(path: string): InstallError {
  return new InstallError(`read journal: ${path}: expected a transaction as ferry writes it, got something else`, {
    code: 'JOURNAL_DAMAGED',
    facts: { path },
  });
}
