/**
 * `ledger.json`: every number that was ever given out, and which content has which sequence (FORMAT §2). A number is in
 * it, on the disk, before a byte that carries the number is signed; so two exports never sign one number twice, and a
 * crash only skips some. Read and changed under the lock alone.
 */
import { acquireLock, ContentError, canonicalJSON, findFileBounded, parseJSON, writeAtomic } from '../content/index.ts';
import { checkFormat, FORMAT, MIN_FERRY } from '../manifest/index.ts';
import type { Role, TargetEntry } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { WorkspacePaths } from './paths.ts';

/** A release that was given a sequence. */
export interface LedgerRelease {
  readonly sequence: number;
  readonly release: string;
  /** The content digest, 64 hex digits. */
  readonly content: string;
  /** RFC 3339. */
  readonly issued: string;
  /** `superseded`: taken off the list by its successor, so the content may come again under a new number. */
  readonly state: 'listed' | 'revoked' | 'superseded';
  /** As targets.json lists it. */
  readonly entry: TargetEntry;
}

/** Site files as they are listed. */
export interface LedgerSite {
  readonly site: string;
  readonly entry: TargetEntry;
}

/** A private key of ours. Whether it counts, the root says. */
export interface LedgerKey {
  readonly keyID: string;
  readonly role: Role;
  /** Its file's name, in `keys/` or the folder of root keys. */
  readonly file: string;
}

/** All that must not be lost. */
export interface Ledger {
  /** The highest version given out, by role; 0 for none. */
  readonly versions: Readonly<Record<Role, number>>;
  /** The highest sequence given out; 0 for none. */
  readonly sequence: number;
  readonly releases: readonly LedgerRelease[];
  readonly sites: readonly LedgerSite[];
  readonly keys: readonly LedgerKey[];
}

const MAX_LEDGER_BYTES = 256 * 1024 * 1024;
/** Others hold it while they sign; a token that waits for a finger takes its time. */
const WAIT_MS = 120_000;

/** Does something while nobody else reads or changes the ledger. @throws {ContentError} `LOCKED` after two minutes */
export async function withLedgerLock<T>(paths: WorkspacePaths, use: () => Promise<T>): Promise<T> {
  const lock = await acquireLock(paths.ledgerLock, { what: 'the ledger', waitMs: WAIT_MS });
  try {
    return await use();
  } finally {
    await lock.release();
  }
}

/** Reads the ledger. @throws {WorkspaceError} `WORKSPACE_INVALID` when it is missing or not one */
export async function readLedger(paths: WorkspacePaths): Promise<Ledger> {
  const bytes = await findFileBounded(paths.ledger, { max: MAX_LEDGER_BYTES });
  if (bytes === undefined) throw invalid(paths, 'no such file');
  const value = readJSON(paths, bytes);
  checkFormat(value, 'ledger.json');
  if (!isLedger(value)) throw invalid(paths, 'something else');
  return value;
}

/** Writes the ledger, on the disk when it returns. */
export async function writeLedger(paths: WorkspacePaths, ledger: Ledger): Promise<void> {
  await writeAtomic(paths.ledger, canonicalJSON({ ...ledger, format: FORMAT, minFerry: MIN_FERRY }));
}

function readJSON(paths: WorkspacePaths, bytes: Uint8Array): unknown {
  try {
    return parseJSON(bytes, 'ledger.json');
  } catch (error) {
    if (error instanceof ContentError) throw invalid(paths, 'something that is no JSON');
    throw error;
  }
}

function isLedger(value: unknown): value is Ledger {
  const { versions, sequence, releases, sites, keys } = Object(value) as Partial<Ledger>;
  const counts = [sequence, ...['root', 'targets', 'snapshot', 'timestamp'].map((role) => versions?.[role as Role])];
  if (!counts.every((count) => Number.isSafeInteger(count) && (count as number) >= 0)) return false;
  return [releases, sites, keys].every(Array.isArray) && (releases as unknown[]).every(isRelease);
}

function isRelease(value: unknown): boolean {
  const { sequence, release, content, entry } = Object(value) as Partial<LedgerRelease>;
  if (!Number.isSafeInteger(sequence) || typeof release !== 'string' || typeof content !== 'string') return false;
  return typeof entry?.path === 'string' && typeof entry.sha256 === 'string' && Number.isSafeInteger(entry.length);
}

function invalid({ ledger }: WorkspacePaths, got: string): WorkspaceError {
  return new WorkspaceError(`read ledger: expected ${ledger} as ferry wrote it, got ${got}`, {
    code: 'WORKSPACE_INVALID',
    hint: 'without its ledger a workspace would give numbers out twice; make a new one: ferry init --restore BUNDLE',
  });
}
