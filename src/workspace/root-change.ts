/**
 * The next root: signed by enough holders of the present one and of its own (TUF 1.0 §5.3.4). Where all keys that are
 * needed are here it is published at once; else it becomes a request that its holders sign on their own machines, and
 * `assemble` publishes it. Roots are consecutive, so only one can be open at a time.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, writeNew } from '../content/index.ts';
import type { RootRoles } from '../trust/index.ts';
import {
  assemble,
  fingerprint,
  judgeRoot,
  makeRequest,
  pinRoot,
  readRequest,
  rootRoles,
  signRequest,
  TrustError,
  tally,
  unsignedRoot,
} from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { Ledger, LedgerKey } from './ledger.ts';
import { readLedger, withLedgerLock, writeLedger } from './ledger.ts';
import type { Workspace } from './open.ts';
import { publish } from './publish.ts';
import type { AvailableSigners } from './signers.ts';
import { availableSigners } from './signers.ts';
import { findCatalogue, readRoots, writeRoot } from './store.ts';

/** What came of a change of keys. */
export type RootChange =
  | { readonly status: 'published'; readonly version: number; readonly fingerprint: ReturnType<typeof fingerprint> }
  | {
      readonly status: 'open';
      readonly version: number;
      /** The request that the holders sign. */
      readonly request: string;
      /** What each holder compares before signing, told another way than the request travels. */
      readonly words: readonly string[];
      /** Signatures of the keys that are here, made already. */
      readonly answers: readonly string[];
    };

/** The root that counts now, with its number, end, keys and thresholds. */
export async function currentRoot(
  workspace: Workspace,
): Promise<ReturnType<typeof rootRoles> & { readonly bytes: Uint8Array }> {
  const bytes = (await readRoots(workspace.paths)).at(-1) as Uint8Array;
  return { ...rootRoles(bytes), bytes };
}

/**
 * Makes the next root.
 * @throws {WorkspaceError} `CEREMONY_OPEN`, `CEREMONY_STALE`; and what opening keys throws
 */
export async function changeRoot(workspace: Workspace, change: (roles: RootRoles) => RootRoles): Promise<RootChange> {
  const current = await currentRoot(workspace);
  const version = current.version + 1;
  await checkNoCeremony(workspace);
  const roles = change(current.roles);
  const { now } = workspace.options;
  const seconds = Math.floor(now.getTime() / 1000) + workspace.settings.validity.rootDays * 86_400;
  const unsigned = unsignedRoot({ version, expires: new Date(seconds * 1000), roles });
  const request = makeRequest({ unsigned, previous: current.bytes });
  const answers = await answer(request, await rootSigners(workspace, current.roles, roles));
  if (tally(request, [...answers.values()]).some(({ missing }) => missing > 0)) {
    return { status: 'open', version, ...(await openCeremony(workspace, { version, request, answers })) };
  }
  const bytes = assemble(request, [...answers.values()]);
  await publishRoot(workspace, bytes);
  return { status: 'published', version, fingerprint: fingerprint(bytes) };
}

/**
 * Publishes a signed root: number in the ledger, file beside the others, `root.json`; then the catalogue, whose keys may
 * have changed.
 * @throws {WorkspaceError} `CEREMONY_STALE` when it is not the successor of the present one
 */
export async function publishRoot(workspace: Workspace, bytes: Uint8Array): Promise<void> {
  const { paths } = workspace;
  const { version } = rootRoles(bytes);
  await withLedgerLock(paths, async () => {
    const roots = await readRoots(paths);
    const present = pinRoot(roots.at(-1) as Uint8Array, { confirmed: true });
    if (version !== roots.length + 1 || judgeRoot(present, bytes) !== 'successor') {
      throw new WorkspaceError(`publish root ${version}: expected the successor of root ${roots.length}, got another`, {
        code: 'CEREMONY_STALE',
        facts: { version, present: roots.length },
      });
    }
    const ledger = await readLedger(paths);
    await writeLedger(paths, { ...ledger, versions: { ...ledger.versions, root: version } });
    await writeRoot(paths, version, bytes);
  });
  await closeCeremony(workspace, version);
  if ((await findCatalogue(paths)) !== undefined) await publish(workspace);
}

/** @throws {WorkspaceError} `CEREMONY_OPEN` while a root waits for signatures: no key is made for one that can't come */
export async function checkNoCeremony(workspace: Workspace): Promise<void> {
  const path = requestPath(workspace, (await currentRoot(workspace)).version + 1);
  try {
    await stat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  throw new WorkspaceError(`change root: expected no other change under way, got ${path}`, {
    code: 'CEREMONY_OPEN',
    facts: { path },
    hint: `collect its signatures and run: ferry keys assemble ${path} ANSWERS; or give it up by deleting ${path}`,
  });
}

/** Where the request for a root's signatures is. */
export function requestPath({ paths }: Workspace, version: number): string {
  return join(paths.requests, `root-${version}.request.json`);
}

/** Records private keys of ours, before any root names them. */
export async function recordKeys(workspace: Workspace, keys: readonly LedgerKey[]): Promise<Ledger> {
  return withLedgerLock(workspace.paths, async () => {
    const ledger = await readLedger(workspace.paths);
    const next = { ...ledger, keys: [...ledger.keys, ...keys] };
    await writeLedger(workspace.paths, next);
    return next;
  });
}

/** All that are here of the former holders and the new: each signature is one that nobody else must make. */
async function rootSigners(workspace: Workspace, before: RootRoles, after: RootRoles): Promise<AvailableSigners> {
  const ledger = await readLedger(workspace.paths);
  const all = [...before.root.keys, ...after.root.keys];
  const keys = all.filter((key, at) => all.findIndex(({ keyID }) => keyID === key.keyID) === at);
  return availableSigners(workspace, { ledger, role: 'root', keys, enough: keys.length });
}

/**
 * The answers by keyID. A signer command is asked for every key that has no file here and may hold some of them only;
 * one that signs for none has failed.
 */
async function answer(request: Uint8Array, { files, tokens }: AvailableSigners): Promise<Map<string, Uint8Array>> {
  const answers = new Map<string, Uint8Array>();
  for (const signer of files) answers.set(signer.key.keyID, await signRequest(request, signer));
  const failures: TrustError[] = [];
  for (const signer of tokens) {
    try {
      answers.set(signer.key.keyID, await signRequest(request, signer));
    } catch (error) {
      if (!(error instanceof TrustError) || error.code !== 'SIGNER_FAILED') throw error;
      failures.push(error);
    }
  }
  if (failures[0] && failures.length === tokens.length) throw failures[0];
  return answers;
}

async function openCeremony(
  workspace: Workspace,
  {
    version,
    request,
    answers: made,
  }: { version: number; request: Uint8Array; answers: ReadonlyMap<string, Uint8Array> },
): Promise<{ request: string; words: readonly string[]; answers: readonly string[] }> {
  const path = requestPath(workspace, version);
  await closeCeremony(workspace, version); // answers of one that was given up may lie there still
  const answers: string[] = [];
  for (const [keyID, bytes] of made) {
    const answer = answerPath(path, keyID);
    await writeNew(answer, bytes);
    answers.push(answer);
  }
  await writeNew(path, request);
  return { request: path, words: readRequest(request).words, answers };
}

/** An answer's name: the request's, with the first digits of the keyID. */
export function answerPath(request: string, keyID: string): string {
  return `${request.replace(/(?:\.request)?\.json$/, '')}.${keyID.slice(0, 8)}.answer.json`;
}

async function closeCeremony({ paths }: Workspace, version: number): Promise<void> {
  await mkdir(paths.requests, { recursive: true });
  const files = (await readdir(paths.requests)).filter((name) => name.startsWith(`root-${version}.`));
  await Promise.all(files.map((name) => rm(join(paths.requests, name), { force: true })));
}
