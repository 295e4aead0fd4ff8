/**
 * Opening the site's state folder: made 0700 when it is not there, refused when it holds other things, when this user
 * cannot write it, or when a later ferry made it. All that changes goes through `disk.ts`. FORMAT §7.
 */

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireLock, asWriteError, ContentError, findFileBounded, isErrno, type Lock } from '../content/index.ts';
import { type AuditEntry, appendAudit } from './audit.ts';
import { listFolder, makeFolder, putFile, removeName } from './disk.ts';
import { findDocument, stateDocument } from './document.ts';
import { StateError } from './error.ts';
import {
  draftRelease,
  findCurrentRelease,
  listReleases,
  type ReleaseDraft,
  readRelease,
  type StoredRelease,
} from './releases.ts';
import { findTrust, type StoredTrust, writeTrust } from './trust.ts';

const NAMES = new Set(['state.json', 'trust', 'site.yaml', 'identity', 'journal.json', 'lock', 'releases']);
const MAX_IDENTITY_BYTES = 64 * 1024;

/** What a command that changes nothing may do with the state. */
export interface SiteStateReader {
  readonly dir: string;
  findTrust(): Promise<StoredTrust | undefined>;
  /** A file of `identity/`. */
  findIdentity(name: string): Promise<Buffer | undefined>;
  findCurrentRelease(): Promise<StoredRelease | undefined>;
  readRelease(sequence: number): Promise<StoredRelease>;
  listReleases(): Promise<readonly number[]>;
}

/** The state of a site, for a command that changes it. Every method that writes wants the lock held. */
export interface SiteState extends SiteStateReader {
  /** Takes the site's one lock. @throws {ContentError} `LOCKED` naming the holder */
  lock(): Promise<Lock>;
  writeTrust(trust: StoredTrust): Promise<void>;
  writeIdentity(name: string, bytes: Uint8Array): Promise<void>;
  draftRelease(sequence: number): Promise<ReleaseDraft>;
  appendAudit(entry: AuditEntry): Promise<void>;
  /** An empty folder on the state's disk for what must be kept for a while; what a killed run left in it is gone. */
  openSpool(): Promise<Spool>;
}

/** A folder for a while. */
export interface Spool {
  readonly dir: string;
  remove(): Promise<void>;
}

/**
 * The state for reading, or `undefined` where there is none; writes nothing.
 * @throws {StateError} `STATE_DENIED` when it is another user's; `FORMAT_TOO_NEW`, `STATE_DAMAGED`.
 */
export async function findState(dir: string): Promise<SiteStateReader | undefined> {
  try {
    return (await findDocument(join(dir, 'state.json'))) === undefined ? undefined : reader(dir);
  } catch (error) {
    throw asDenied(error, dir);
  }
}

export interface OpenStateOptions {
  /** The command as it was typed: told back with sudo when this user may not write here. */
  readonly command?: string | undefined;
}

/**
 * The state for writing; makes the folder when there is none.
 * @throws {StateError} `STATE_DENIED`, `STATE_FOREIGN`, `FORMAT_TOO_NEW`, `STATE_DAMAGED`; {ContentError} `READ_ONLY`,
 *   `NO_SPACE`. Nothing is written then.
 */
export async function openState(dir: string, options: OpenStateOptions = {}): Promise<SiteState> {
  try {
    if ((await findDocument(join(dir, 'state.json'))) === undefined) {
      await refuseForeign(dir);
      await makeFolder(dir);
      await putFile(join(dir, 'state.json'), stateDocument({}));
    }
    await access(dir, constants.W_OK | constants.X_OK);
    await makeFolder(dir);
  } catch (error) {
    throw asDenied(error, dir, options);
  }
  return { ...reader(dir), ...writer(dir) };
}

function reader(dir: string): SiteStateReader {
  return {
    dir,
    findTrust: () => findTrust(dir),
    findIdentity: (name) => findFileBounded(join(dir, 'identity', name), { max: MAX_IDENTITY_BYTES }),
    findCurrentRelease: () => findCurrentRelease(dir),
    readRelease: (sequence) => readRelease(dir, sequence),
    listReleases: () => listReleases(dir),
  };
}

function writer(dir: string): Omit<SiteState, keyof SiteStateReader> {
  return {
    lock: () => acquireLock(join(dir, 'lock'), { what: `site ${dir}` }),
    writeTrust: (trust) => writeTrust(dir, trust),
    writeIdentity: async (name, bytes) => {
      await makeFolder(join(dir, 'identity'));
      await putFile(join(dir, 'identity', name), bytes);
    },
    draftRelease: (sequence) => draftRelease(dir, sequence),
    appendAudit: (entry) => appendAudit(join(dir, 'audit.jsonl'), entry),
    openSpool: () => openSpool(join(dir, '.spool')),
  };
}

async function openSpool(dir: string): Promise<Spool> {
  await removeName(dir);
  await makeFolder(dir);
  return { dir, remove: () => removeName(dir) };
}

async function refuseForeign(dir: string): Promise<void> {
  const other = (await listFolder(dir)).find((entry) => !NAMES.has(entry.name) && !entry.name.startsWith('.'));
  if (other === undefined) return;
  throw foreign(dir, `a state folder or an empty one, got ${JSON.stringify(other.name)} in it`);
}

function foreign(dir: string, why: string, cause?: unknown): StateError {
  return new StateError(`open state: ${dir}: expected ${why}`, { code: 'STATE_FOREIGN', cause, facts: { path: dir } });
}

/** A read-only disk or no permission, in words; any other error as it is. */
function asDenied(error: unknown, dir: string, { command }: OpenStateOptions = {}): unknown {
  if (isErrno(rootCause(error), 'EROFS')) return error instanceof ContentError ? error : asWriteError(error, dir);
  if (isErrno(rootCause(error), 'ENOTDIR', 'EEXIST')) return foreign(dir, 'a folder, got a file in its way', error);
  if (!isErrno(rootCause(error), 'EACCES', 'EPERM')) return error;
  return new StateError(`open state: ${dir}: expected a folder that this user may write, got no permission`, {
    code: 'STATE_DENIED',
    cause: error,
    facts: { path: dir },
    ...(command !== undefined && { hint: `run it as root: sudo ${command}` }),
  });
}

function rootCause(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? rootCause(error.cause) : error;
}
