/**
 * Reading `audit.jsonl` back: every line has to hold the SHA-256 of the one before it. A line that was changed, taken out
 * or put in between shows at the line after it; that lines are gone at the end shows only to whoever wrote the last hash
 * down elsewhere, as each receipt does. A line that a crash cut off counts as it stands. FORMAT §7.
 */

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { ContentError, findFileBounded, isErrno, parseJSON } from '../content/index.ts';
import { isObject } from './document.ts';
import { StateError } from './error.ts';

const TAIL_BYTES = 1024 * 1024;
const MAX_LOG_BYTES = 256 * 1024 * 1024;

/** What the first line holds instead of a hash, and the head of a log without lines: 64 zeros. */
export const AUDIT_START = '0'.repeat(64);

/** A log whose lines all fit. */
export interface AuditChain {
  readonly lines: number;
  /** SHA-256 of the last line, hex: what the next one will hold. */
  readonly head: string;
  /** Every head that it ever had, the one before the first line included. */
  readonly heads: ReadonlySet<string>;
}

/**
 * Follows the chain from the first line; a log that is not there has none.
 * @throws {StateError} `AUDIT_BROKEN` with the number of the first line that does not fit the one before it.
 */
export async function verifyAudit(path: string): Promise<AuditChain> {
  const heads = new Set([AUDIT_START]);
  let head = AUDIT_START;
  const lines = linesOf((await findFileBounded(path, { max: MAX_LOG_BYTES })) ?? Buffer.of());
  for (const [index, line] of lines.entries()) {
    const { previous } = readLine(line) ?? { previous: head };
    if (previous !== head) throw broken(path, index + 1, head);
    head = lineHash(line);
    heads.add(head);
  }
  return { lines: lines.length, head, heads };
}

/** The last lines as they stand, oldest first; none where there is no log. */
export async function readAudit(path: string, { last }: { readonly last: number }): Promise<readonly string[]> {
  const tail = await readTail(path);
  const lines = linesOf(tail);
  const whole = tail.length < TAIL_BYTES ? lines : lines.slice(1); // the first may have lost its beginning
  return whole.slice(-last).map((line) => line.toString('utf8'));
}

/** The end of the log: its head, and whether a crash cut the last line off. */
export async function findAuditEnd(path: string): Promise<{ readonly head: string; readonly isCut: boolean }> {
  const tail = await readTail(path);
  const last = linesOf(tail).at(-1);
  return { head: last === undefined ? AUDIT_START : lineHash(last), isCut: last !== undefined && tail.at(-1) !== 0x0a };
}

function linesOf(log: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < log.length; ) {
    const end = log.indexOf(0x0a, at);
    lines.push(log.subarray(at, end < 0 ? log.length : end));
    at = end < 0 ? log.length : end + 1;
  }
  return lines;
}

/** A line as an object; `undefined` for one that a crash cut off. */
function readLine(line: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseJSON(line, 'audit line');
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

function lineHash(line: Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}

function broken(path: string, line: number, head: string): StateError {
  return new StateError(`follow audit log: ${path}: line ${line}: expected it to follow ${head}, got another`, {
    code: 'AUDIT_BROKEN',
    facts: { path, line },
  });
}
