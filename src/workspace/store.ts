/**
 * `tuf/`: the roots and the catalogue as they are signed, and the bytes of each target as first signed. The timestamp
 * is written last, so that what it leads to is always there; versions that nothing leads to any more are removed.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findFileBounded, parseJSON, readFileBounded, writeAtomic, writeNew } from '../content/index.ts';
import type { Chain, Role } from '../trust/index.ts';
import {
  MAX_ROOT_BYTES,
  MAX_ROOTS,
  MAX_SNAPSHOT_BYTES,
  MAX_TARGETS_BYTES,
  MAX_TIMESTAMP_BYTES,
} from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { WorkspacePaths } from './paths.ts';
import { rootPath, targetPath } from './paths.ts';

/** A stored metadata file with the fields that decide whether it is used again. */
export interface StoredPart {
  readonly bytes: Uint8Array;
  readonly version: number;
  readonly expires: Date;
  /** The keyIDs of its signatures. */
  readonly signedBy: readonly string[];
}

/** The catalogue that was signed last. */
export type StoredCatalogue = Readonly<Record<Exclude<Role, 'root'>, StoredPart>>;

const MAX_TARGET_BYTES = 256 * 1024 * 1024;

/** Roots 1 to N. @throws {WorkspaceError} `WORKSPACE_INVALID` when there is none */
export async function readRoots(paths: WorkspacePaths): Promise<readonly Uint8Array[]> {
  const roots: Uint8Array[] = [];
  while (roots.length < MAX_ROOTS) {
    const root = await findFileBounded(rootPath(paths, roots.length + 1), { max: MAX_ROOT_BYTES });
    if (root === undefined) break;
    roots.push(root);
  }
  if (roots.length > 0) return roots;
  throw new WorkspaceError(`read roots: expected ${rootPath(paths, 1)}, got no such file`, {
    code: 'WORKSPACE_INVALID',
  });
}

/** The stored catalogue, or `undefined` before the first was signed. */
export async function findCatalogue(paths: WorkspacePaths): Promise<StoredCatalogue | undefined> {
  const bytes = await findFileBounded(join(paths.tuf, 'timestamp.json'), { max: MAX_TIMESTAMP_BYTES });
  if (bytes === undefined) return undefined;
  const timestamp = readPart(bytes, 'timestamp');
  const snapshot = await readListed(paths, timestamp, { role: 'snapshot', max: MAX_SNAPSHOT_BYTES });
  const targets = await readListed(paths, snapshot, { role: 'targets', max: MAX_TARGETS_BYTES });
  return { timestamp, snapshot, targets };
}

/** Stores a signed catalogue beside its roots. */
export async function writeCatalogue(paths: WorkspacePaths, { timestamp, snapshot, targets }: Chain): Promise<void> {
  const names: readonly string[] = [
    await writeVersioned(paths, 'targets', targets),
    await writeVersioned(paths, 'snapshot', snapshot),
  ];
  await writeAtomic(join(paths.tuf, 'timestamp.json'), timestamp);
  const old = (await readdir(paths.tuf)).filter(
    (name) => /^\d+\.(?:targets|snapshot)\.json$/.test(name) && !names.includes(name),
  );
  await Promise.all(old.map((name) => rm(join(paths.tuf, name), { force: true })));
}

/** Stores a root under its number and as `root.json`, the file to carry. */
export async function writeRoot(paths: WorkspacePaths, version: number, bytes: Uint8Array): Promise<void> {
  await writeNew(rootPath(paths, version), bytes);
  await writeAtomic(paths.root, bytes);
}

/** The bytes of a target as first signed, or `undefined` when they are not here (after a restore). */
export async function findTarget(paths: WorkspacePaths, path: string): Promise<Uint8Array | undefined> {
  return findFileBounded(targetPath(paths, path), { max: MAX_TARGET_BYTES });
}

/** Stores the bytes of a target; a former version of them is replaced. */
export async function writeTarget(paths: WorkspacePaths, path: string, bytes: Uint8Array): Promise<void> {
  const file = targetPath(paths, path);
  if ((await findFileBounded(file, { max: MAX_TARGET_BYTES }))?.equals(bytes)) return;
  await mkdir(dirname(file), { recursive: true });
  await writeAtomic(file, bytes);
}

async function writeVersioned(paths: WorkspacePaths, role: 'targets' | 'snapshot', bytes: Uint8Array): Promise<string> {
  const name = `${readPart(bytes, role).version}.${role}.json`;
  await writeNew(join(paths.tuf, name), bytes);
  return name;
}

async function readListed(
  paths: WorkspacePaths,
  by: StoredPart,
  { role, max }: { role: 'snapshot' | 'targets'; max: number },
): Promise<StoredPart> {
  const { signed } = parseJSON(by.bytes, 'metadata') as { signed: { meta?: Record<string, { version?: number }> } };
  const version = signed.meta?.[`${role}.json`]?.version;
  return readPart(await readFileBounded(join(paths.tuf, `${version}.${role}.json`), { max }), role);
}

function readPart(bytes: Uint8Array, role: Role): StoredPart {
  const { signed, signatures } = parseJSON(bytes, `${role} metadata`) as {
    signed: { version: number; expires: string };
    signatures: readonly { keyid: string }[];
  };
  return {
    bytes,
    version: signed.version,
    expires: new Date(signed.expires),
    signedBy: signatures.map(({ keyid }) => keyid),
  };
}
