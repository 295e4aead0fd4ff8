/**
 * `journal.json`: what a transaction is about, written whole and synced before each of its steps, removed when it is
 * over. Who reads it knows what a killed process was doing. What stands in it is the business of `install/`. FORMAT §7.
 */

import { join } from 'node:path';
import { putFile, removeName } from './disk.ts';
import { findDocument, stateDocument } from './document.ts';

const FILE = 'journal.json';

/** The journal of a transaction that is under way or was cut off. @throws {StateError} `STATE_DAMAGED`, `FORMAT_TOO_NEW` */
export function findJournal(stateDir: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  return findDocument(join(stateDir, FILE));
}

/** Puts the journal in place of the former one. */
export async function writeJournal(stateDir: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
  await putFile(join(stateDir, FILE), stateDocument(fields));
}

/** The transaction is over. */
export async function removeJournal(stateDir: string): Promise<void> {
  await removeName(join(stateDir, FILE));
}
