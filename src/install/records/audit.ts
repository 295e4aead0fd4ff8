/**
 * The audit log held to itself and to the receipts: each line to the one before it, and the log as a whole to the head
 * that each kept receipt names, so that lines which are gone at its end show too. FORMAT §4, §7.
 */

import { join } from 'node:path';
import { parseJSON } from '../../content/index.ts';
import { FerryError } from '../../errors.ts';
import { findSiteIdentity } from '../../site/index.ts';
import { AUDIT_START, findState, type SiteStateReader, StateError } from '../../state/index.ts';
import { openReceipt, type SignedReceipt, verifyReceipt } from './signed-receipt.ts';

export interface VerifyAuditOptions {
  readonly stateDir: string;
  /** A receipt that was kept elsewhere, on a stick or at the office. */
  readonly receipt?: string | undefined;
}

/** A log that is as it was written. */
export interface AuditReport {
  readonly lines: number;
  /** SHA-256 of the last line, hex; zeros of a log without lines. */
  readonly head: string;
  /** How many receipts name a head of this log. */
  readonly receipts: number;
}

/**
 * Follows the log of a site; a host that has none has no lines.
 * @throws {StateError} `AUDIT_BROKEN` naming the first line that does not fit, or the receipt that names a line that is
 *   gone; {InstallError} `RECEIPT_ALTERED`, `RECEIPT_FOREIGN`
 */
export async function verifySiteAudit({ stateDir, receipt: path }: VerifyAuditOptions): Promise<AuditReport> {
  const state = await findState(stateDir);
  const given = path === undefined ? [] : [await verifyReceipt({ path, stateDir })];
  if (state === undefined) return { lines: 0, head: AUDIT_START, receipts: 0 };
  const { lines, head, heads } = await state.verifyAudit();
  const named = [...given, ...(await keptReceipts(state))].filter(({ audit }) => audit !== undefined);
  for (const { audit, sequence, finished } of named) {
    if (audit !== undefined && !heads.has(audit.head)) throw cut(stateDir, { sequence, finished });
  }
  return { lines, head, receipts: named.length };
}

/** A line of the log for people and machines; one that a crash cut off has its text alone. */
export type AuditLine =
  | { readonly at: string; readonly event: string; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly text: string };

/** The last lines, oldest first. */
export async function listAudit(stateDir: string, options: { readonly last: number }): Promise<readonly AuditLine[]> {
  const lines = (await (await findState(stateDir))?.readAudit(options)) ?? [];
  return lines.map(parseLine);
}

function parseLine(text: string): AuditLine {
  try {
    const { at, event, facts } = parseJSON(Buffer.from(text), 'audit line') as Extract<AuditLine, { at: string }>;
    return { at: String(at), event: String(event), facts };
  } catch (error) {
    if (error instanceof FerryError) return { text };
    throw error;
  }
}

/** Of every release that is kept, and of what was here before, if a rollback went there. */
async function keptReceipts(state: SiteStateReader): Promise<SignedReceipt[]> {
  const identity = await findSiteIdentity(state);
  const receipts: SignedReceipt[] = [];
  for (const sequence of [0, ...(await state.listReleases())]) {
    const bytes = await state.findReleaseFile(sequence, 'receipt.json');
    const path = join(state.dir, 'releases', String(sequence), 'receipt.json');
    if (identity !== undefined && bytes !== undefined) receipts.push(openReceipt(bytes, identity, path));
  }
  return receipts;
}

function cut(stateDir: string, { sequence, finished }: Pick<SignedReceipt, 'sequence' | 'finished'>): StateError {
  const path = join(stateDir, 'audit.jsonl');
  const receipt = `the receipt of sequence ${sequence} (${finished.slice(0, 19)}Z)`;
  return new StateError(`follow audit log: ${path}: expected the line that ${receipt} names, got a log without it`, {
    code: 'AUDIT_BROKEN',
    facts: { path, sequence },
  });
}
