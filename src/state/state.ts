/**
 * Opening the site's state folder: made 0700 when it is not there, refused when it holds other things, when this user
 * cannot write it, or when a later ferry made it. All that changes goes through `disk.ts`. FORMAT §7.
 */

import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  acquireLock,
  asWriteError,
  ContentError,
  findFileBounded,
  findLockHolder,
  isErrno,
  type Lock,
} from '../content/index.ts';
import { type AuditEntry, appendAudit, type SystemLog } from './audit.ts';
import { type AuditChain, findAuditEnd, readAudit, verifyAudit } from './audit-chain.ts';
import { listFolder, makeFolder, putFile, removeName } from './disk.ts';
import { findDocument, stateDocument } from './document.ts';
import { StateError } from './error.ts';
import { findJournal, removeJournal, writeJournal } from './journal.ts';
import { findPolicyText } from './policy.ts';
import type { BeforeCommit, ReleaseDraft, StoredRelease } from './releases.ts';
import * as releases from './releases.ts';
import { tidy } from './tidy.ts';
import { findTrust, type StoredTrust, writeTrust } from './trust.ts';

const NAMES = new Set(['state.json', 'trust', 'site.yaml', 'identity', 'journal.json', 'lock', 'releases']);
const AUDIT = 'audit.jsonl';
const POLICY = 'site.yaml';
const MAX_IDENTITY_BYTES = 64 * 1024;

/** What a command that changes nothing may do with the state. */
export interface SiteStateReader {
  readonly dir: string;
  findTrust(): Promise<StoredTrust | undefined>;
  /** A file of `identity/`, or of a folder in it. */
  findIdentity(name: string): Promise<Buffer | undefined>;
  /** The names of the files in a folder of `identity/`; none where there is no such folder. */
  listIdentity(folder: string): Promise<readonly string[]>;
  /** A document of ours in `identity/`. @throws {StateError} `STATE_DAMAGED`, `FORMAT_TOO_NEW` */
  findIdentityDocument(name: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** The text of `site.yaml`, or `undefined` when there is none. @throws {StateError} `POLICY_UNSAFE` */
  findPolicyText(): Promise<string | undefined>;
  findCurrentRelease(): Promise<StoredRelease | undefined>;
  /** As `findCurrentRelease`, and 0 where what was here before ferry is back. */
  findCurrentSequence(): Promise<number | undefined>;
  readRelease(sequence: number): Promise<StoredRelease>;
  listReleases(): Promise<readonly number[]>;
  /** A document of ours in a release's folder: `installed.json`. */
  findReleaseDocument(sequence: number, name: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** A small file in a release's folder: `receipt.json`. */
  findReleaseFile(sequence: number, name: string): Promise<Buffer | undefined>;
  /** Whether there is one, however large. */
  hasReleaseFile(sequence: number, name: string): Promise<boolean>;
  /** The transaction that is under way, or that was cut off. */
  findJournal(): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** The bytes of a file below the folder, as they lie there: `releases/1/kept/…`. */
  openStored(path: string): AsyncIterable<Uint8Array>;
  /** The living process that has the site's lock. */
  findHolder(): Promise<number | undefined>;
  /** Follows the audit log. @throws {StateError} `AUDIT_BROKEN` */
  verifyAudit(): Promise<AuditChain>;
  /** The last lines of the audit log as they stand, oldest first. */
  readAudit(options: { readonly last: number }): Promise<readonly string[]>;
  /** SHA-256 of the last line of the audit log, hex; zeros before the first. */
  findAuditHead(): Promise<string>;
}

/** The state of a site, for a command that changes it. Every method that writes wants the lock held. */
export interface SiteState extends SiteStateReader {
  /** Takes the site's one lock. @throws {ContentError} `LOCKED` naming the holder */
  lock(): Promise<Lock>;
  /** Takes away what killed processes left of single writes; only while no transaction is pending. */
  tidy(): Promise<void>;
  writeTrust(trust: StoredTrust): Promise<void>;
  writeIdentity(name: string, bytes: Uint8Array): Promise<void>;
  writeIdentityDocument(name: string, fields: Readonly<Record<string, unknown>>): Promise<void>;
  /** Takes a file of `identity/` away; one that is not there is fine. */
  removeIdentity(name: string): Promise<void>;
  writeJournal(fields: Readonly<Record<string, unknown>>): Promise<void>;
  removeJournal(): Promise<void>;
  draftRelease(sequence: number): Promise<ReleaseDraft>;
  findDraft(sequence: number): Promise<ReleaseDraft | undefined>;
  dropDraft(sequence: number): Promise<void>;
  /** The draft becomes the current release. */
  commitDraft(sequence: number): Promise<void>;
  /** Takes `commitDraft` back. */
  revertDraft(sequence: number, before: BeforeCommit): Promise<void>;
  settleDraft(sequence: number): Promise<void>;
  putReleaseDocument(
    place: { readonly sequence: number; readonly name: string },
    fields: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  putReleaseFile(
    place: { readonly sequence: number; readonly name: string },
    source: AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /** Takes a release away; cut off, it is there whole or not at all. */
  dropRelease(sequence: number): Promise<void>;
  /** Takes a file of a release away; with an empty name, the release. */
  removeReleaseFile(sequence: number, name: string): Promise<void>;
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
  /** Takes each line of the audit log for the journal of the system too. @default nobody */
  readonly systemLog?: SystemLog | undefined;
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
  return { ...reader(dir), ...writer(dir, options) };
}

function reader(dir: string): SiteStateReader {
  return {
    dir,
    findTrust: () => findTrust(dir),
    findIdentity: (name) => findFileBounded(join(dir, 'identity', name), { max: MAX_IDENTITY_BYTES }),
    listIdentity: async (folder) => (await listFolder(join(dir, 'identity', folder))).map(({ name }) => name),
    findIdentityDocument: (name) => findDocument(join(dir, 'identity', name)),
    findPolicyText: () => findPolicyText(join(dir, POLICY)),
    findCurrentRelease: () => releases.findCurrentRelease(dir),
    findCurrentSequence: () => releases.findCurrentSequence(dir),
    readRelease: (sequence) => releases.readRelease(dir, sequence),
    listReleases: () => releases.listReleases(dir),
    findReleaseDocument: (sequence, name) => releases.findReleaseDocument(dir, sequence, name),
    findReleaseFile: (sequence, name) => releases.findReleaseFile(dir, sequence, name),
    hasReleaseFile: (sequence, name) => releases.hasReleaseFile(dir, sequence, name),
    findJournal: () => findJournal(dir),
    openStored: (path) => openStored(join(dir, path)),
    findHolder: () => findLockHolder(join(dir, 'lock')),
    verifyAudit: () => verifyAudit(join(dir, AUDIT)),
    readAudit: (options) => readAudit(join(dir, AUDIT), options),
    findAuditHead: async () => (await findAuditEnd(join(dir, AUDIT))).head,
  };
}

function writer(dir: string, { systemLog }: OpenStateOptions): Omit<SiteState, keyof SiteStateReader> {
  return {
    lock: () => acquireLock(join(dir, 'lock'), { what: `site ${dir}` }),
    tidy: () => tidy(dir),
    writeTrust: (trust) => writeTrust(dir, trust),
    writeIdentity: (name, bytes) => putIdentity(dir, name, bytes),
    writeIdentityDocument: (name, fields) => putIdentity(dir, name, stateDocument(fields)),
    removeIdentity: (name) => removeName(join(dir, 'identity', name)),
    writeJournal: (fields) => writeJournal(dir, fields),
    removeJournal: () => removeJournal(dir),
    draftRelease: (sequence) => releases.draftRelease(dir, sequence),
    findDraft: (sequence) => releases.findDraft(dir, sequence),
    dropDraft: (sequence) => releases.dropDraft(dir, sequence),
    commitDraft: (sequence) => releases.commitDraft(dir, sequence),
    revertDraft: (sequence, before) => releases.revertDraft(dir, sequence, before),
    settleDraft: (sequence) => releases.settleDraft(dir, sequence),
    putReleaseDocument: (place, fields) => releases.putReleaseDocument(dir, place, fields),
    putReleaseFile: (place, source) => releases.putReleaseFile(dir, place, source),
    dropRelease: (sequence) => releases.dropRelease(dir, sequence),
    removeReleaseFile: (sequence, name) => releases.removeReleaseFile(dir, sequence, name),
    appendAudit: (entry) => appendAudit(join(dir, AUDIT), entry, systemLog),
    openSpool: () => openSpool(join(dir, '.spool')),
  };
}

async function putIdentity(dir: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = join(dir, 'identity', name);
  await makeFolder(join(dir, 'identity'));
  await makeFolder(dirname(path));
  await putFile(path, bytes);
}

/** Opened when it is read: a stream that nobody reads yet must not fail. */
async function* openStored(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Buffer>;
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
