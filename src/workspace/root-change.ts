/**
 * The next root: signed by enough holders of the present one and of its own (TUF 1.0 §5.3.4). Where all keys that are
 * needed are here it is published at once; else it becomes a request that its holders sign on their own machines, and
 * `assemble` publishes it. Roots are consecutive, so only one can be open at a time.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, writeNew } from '../content/index.ts';
import type { RootRoles, Signer } from '../trust/index.ts';
import {
  fingerprint,
  judgeRoot,
  makeRequest,
  pinRoot,
  rootRoles,
  signMetadata,
  signRequest,
  unsignedRoot,
} from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { Ledger, LedgerKey } from './ledger.ts';
import { readLedger, withLedgerLock, writeLedger } from './ledger.ts';
import type { Workspace } from './open.ts';
import { publish } from './publish.ts';
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
  const signers = await rootSigners(workspace, current.roles, roles);
  if (isEnough(signers, current.roles.root) && isEnough(signers, roles.root)) {
    const bytes = await signMetadata(unsigned, signers);
    await publishRoot(workspace, bytes);
    return { status: 'published', version, fingerprint: fingerprint(bytes) };
  }
  const request = makeRequest({ unsigned, previous: current.bytes });
  return { status: 'open', version, ...(await openCeremony(workspace, { version, request, signers })) };
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
async function rootSigners(workspace: Workspace, before: RootRoles, after: RootRoles): Promise<readonly Signer[]> {
  const ledger = await readLedger(workspace.paths);
  const all = [...before.root.keys, ...after.root.keys];
  const keys = all.filter((key, at) => all.findIndex(({ keyID }) => keyID === key.keyID) === at);
  return availableSigners(workspace, { ledger, role: 'root', keys, enough: keys.length });
}

function isEnough(signers: readonly Signer[], { keys, threshold }: RootRoles['root']): boolean {
  return signers.filter(({ key }) => keys.some(({ keyID }) => keyID === key.keyID)).length >= threshold;
}

async function openCeremony(
  workspace: Workspace,
  { version, request, signers }: { version: number; request: Uint8Array; signers: readonly Signer[] },
): Promise<{ request: string; answers: readonly string[] }> {
  const path = requestPath(workspace, version);
  await mkdir(workspace.paths.requests, { recursive: true });
  const answers: string[] = [];
  for (const signer of signers) {
    const answer = answerPath(path, signer.key.keyID);
    await writeNew(answer, await signRequest(request, signer));
    answers.push(answer);
  }
  await writeNew(path, request);
  return { request: path, answers };
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
