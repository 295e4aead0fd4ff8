/**
 * `site.yaml`, as text: the operator's own rules. It names commands that run as root and folders that releases may
 * write to, so it counts only when nobody but root and this user could have written it. What it says is read by the room
 * manifest. FORMAT §7.
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { geteuid } from 'node:process';
import { ContentError, isErrno, readAt } from '../content/index.ts';
import { StateError } from './error.ts';

const MAX_POLICY_BYTES = 64 * 1024;
const OTHERS_WRITE = 0o022;

/**
 * The text of the policy, or `undefined` when there is none.
 * @throws {StateError} `POLICY_UNSAFE` for a link, another user's file, or one that others may write; {ContentError}
 *   `TOO_LARGE` above 64 KiB.
 */
export async function findPolicyText(path: string): Promise<string | undefined> {
  const file = await openOwn(path);
  if (file === undefined) return undefined;
  try {
    const stat = await file.stat(); // of what is open: a name could be moved in between
    if (!stat.isFile()) throw unsafe(path, 'a plain file, got something else');
    if (stat.uid !== 0 && stat.uid !== geteuid?.()) throw unsafe(path, `a file of root, got one of user ${stat.uid}`);
    if ((stat.mode & OTHERS_WRITE) !== 0) {
      throw unsafe(path, `a file that root alone may write, got mode ${(stat.mode & 0o7777).toString(8)}`);
    }
    const bytes = await readAt(file, { offset: 0, length: MAX_POLICY_BYTES + 1 });
    if (bytes.length <= MAX_POLICY_BYTES) return bytes.toString('utf8');
    throw new ContentError(`read ${path}: expected at most ${MAX_POLICY_BYTES} bytes, got more`, { code: 'TOO_LARGE' });
  } finally {
    await file.close();
  }
}

async function openOwn(path: string): Promise<FileHandle | undefined> {
  try {
    // non-blocking: a named pipe must not hold us
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'ELOOP')) throw unsafe(path, 'a plain file, got a link', error);
    throw error;
  }
}

function unsafe(path: string, why: string, cause?: unknown): StateError {
  return new StateError(`read site policy: ${path}: expected ${why}`, {
    code: 'POLICY_UNSAFE',
    cause,
    facts: { path },
  });
}
