/**
 * `audit.jsonl`: one canonical JSON line for each thing that was done or refused here. Every line holds the SHA-256 of
 * the line before it, so that a line changed or taken out shows. A line that a crash cut off is ended and counted in the
 * chain as it stands. FORMAT §7.
 */

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { ContentError, canonicalJSON, isErrno, parseJSON, readFileBounded } from '../content/index.ts';
import { appendFile } from './disk.ts';
import { damaged, isObject } from './document.ts';

const TAIL_BYTES = 1024 * 1024;
const MAX_LOG_BYTES = 256 * 1024 * 1024;
const FIRST = '0'.repeat(64);

/** What is written down. */
export interface AuditEntry {
  readonly event: 'trust' | 'import' | 'refusal' | 'override' | 'rollback' | 'recovery' | 'activation';
  readonly at: Date;
  /** What there is to know about it: no secrets. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Adds a line at the end, synced. The caller holds the state's lock. */
export async function appendAudit(path: string, entry: AuditEntry): Promise<void> {
  const tail = await readTail(path);
  const isCut = tail.length > 0 && tail.at(-1) !== 0x0a;
  const last = lastLine(tail);
  const previous = last === undefined ? FIRST : lineHash(last);
  const line = canonicalJSON({ at: entry.at.toISOString(), event: entry.event, facts: entry.facts, previous });
  await appendFile(path, Buffer.concat([Buffer.from(isCut ? '\n' : ''), line, Buffer.from('\n')]));
}

/**
 * Follows the chain from the first line; returns how many lines there are.
 * @throws {StateError} `STATE_DAMAGED` with the number of the first line that does not fit the one before it.
 */
export async function verifyAudit(path: string): Promise<number> {
  const text = await readFileBounded(path, { max: MAX_LOG_BYTES });
  const lines = text.toString('utf8').split('\n').slice(0, -1);
  let previous = FIRST;
  for (const [index, line] of lines.entries()) {
    const value = readLine(line);
    if (value !== undefined && value['previous'] !== previous) {
      throw damaged(path, `line ${index + 1}: expected the line before it to have ${previous}`);
    }
    previous = lineHash(Buffer.from(line));
  }
  return lines.length;
}

/** A line as an object; `undefined` for one that a crash cut off. */
function readLine(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseJSON(Buffer.from(line), 'audit line');
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof ContentError) return undefined;
    throw error;
  }
}

async function readTail(path: string): Promise<Buffer> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
  try {
    const { size } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function lastLine(tail: Buffer): Buffer | undefined {
  if (tail.length === 0) return undefined;
  const end = tail.at(-1) === 0x0a ? tail.length - 1 : tail.length;
  const start = end === 0 ? 0 : tail.lastIndexOf(0x0a, end - 1) + 1;
  return tail.subarray(start, end);
}

function lineHash(line: Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}
