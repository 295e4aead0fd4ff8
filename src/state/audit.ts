/**
 * `audit.jsonl`: one canonical JSON line for each thing that was done or refused here, each with the SHA-256 of the line
 * before it. The same line is handed to the journal of the system, which keeps it where this folder's owner may not
 * reach. FORMAT §7.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { canonicalJSON } from '../content/index.ts';
import { findAuditEnd } from './audit-chain.ts';
import { appendFile } from './disk.ts';

/** The most that the journal of the system may hold a command up, in milliseconds. */
const SYSTEM_LOG_MS = 1000;

/** What is written down. */
export interface AuditEntry {
  readonly event:
    | 'trust'
    | 'identity'
    | 'import'
    | 'refusal'
    | 'override'
    | 'rollback'
    | 'license'
    | 'tls'
    | 'recovery'
    | 'activation';
  readonly at: Date;
  /** What there is to know about it: no secrets. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Takes one line, without its end, for the journal of the system. */
export type SystemLog = (line: string) => Promise<void>;

/** Adds a line at the end, synced. The caller holds the state's lock. */
export async function appendAudit(path: string, entry: AuditEntry, systemLog?: SystemLog): Promise<void> {
  const { head: previous, isCut } = await findAuditEnd(path);
  const line = canonicalJSON({ at: entry.at.toISOString(), event: entry.event, facts: entry.facts, previous });
  await appendFile(path, Buffer.concat([Buffer.from(isCut ? '\n' : ''), line, Buffer.from('\n')]));
  if (systemLog !== undefined) await tellSystem(systemLog, escapeControls(line.toString('utf8')));
}

/** The line is safe by now: a system that cannot take it, or not now, is no reason to fail or to wait. */
async function tellSystem(systemLog: SystemLog, line: string): Promise<void> {
  const enough = new AbortController();
  const told = Promise.resolve()
    .then(() => systemLog(line))
    .catch(() => undefined);
  await Promise.race([told, delay(SYSTEM_LOG_MS, undefined, { signal: enough.signal }).catch(() => undefined)]);
  enough.abort();
}

/** What a terminal might act on, as JSON writes it. */
function escapeControls(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (control) => {
    const units = Array.from({ length: control.length }, (_, at) => control.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}
