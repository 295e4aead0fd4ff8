/**
 * A load whose client is gone. Engines before 27 do not notice once they have the whole tar: they go on, and the image
 * shows up later. Whoever undoes a load must wait for that, or it would be left behind. The classic store unpacks a load
 * in a folder of its own, which is gone when the load is over (reference §1.2, steps 1 and 2): on this host we look
 * there. Elsewhere nothing tells, so the image is waited for, shortly. (A dockerd with DOCKER_TMPDIR unpacks where we do
 * not look: where its data root has no `tmp`, the short wait is left; where one is there, of before that was set, we see
 * no load in it and do not wait.)
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '../content/index.ts';
import { type Digest, digestHex } from '../oci/index.ts';
import { DockerError } from './error.ts';
import type { Connection } from './facts.ts';
import { findImage } from './inventory.ts';

const ROUND_MS = 100;

/** How long to wait. */
export interface EndOfLoads {
  /** Where it can be seen that the engine is at it. */
  readonly busyMs: number;
  /** Where it cannot be seen: until one of the images shows up, or so long; 0 not at all. */
  readonly lateMs: number;
}

/**
 * Waits until the engine is at no load of these images any more.
 * @throws {DockerError} `ENGINE_BUSY` when it still is, as far as can be seen
 */
export async function untilLoadsEnd(
  connection: Connection,
  imageIDs: readonly Digest[],
  { busyMs, lateMs }: EndOfLoads,
): Promise<void> {
  const start = performance.now();
  for (;;) {
    const busy = await findUnderWay(connection, imageIDs);
    if (busy === false) return;
    const isBlind = busy === undefined;
    if (isBlind && (lateMs === 0 || (await hasAny(connection, imageIDs)))) return;
    if (performance.now() - start >= (isBlind ? lateMs : busyMs)) {
      if (isBlind) return;
      throw stillBusy(connection, busyMs);
    }
    await delay(ROUND_MS);
  }
}

/** Whether a load of one of the images is under way; `undefined` where that cannot be seen. */
async function findUnderWay({ facts }: Connection, imageIDs: readonly Digest[]): Promise<boolean | undefined> {
  if (!facts.local || facts.store !== 'classic' || facts.dataRoot === undefined) return undefined;
  const spools = await listFolder(join(facts.dataRoot, 'tmp'));
  if (spools === undefined) return undefined;
  const wanted = new Set(imageIDs.map(digestHex));
  for (const spool of spools.filter((name) => name.startsWith('docker-import-'))) {
    // our tars: one folder of a random name, in it the config, first of all, named by its digest: that is the image's ID
    for (const folder of (await listFolder(join(facts.dataRoot, 'tmp', spool))) ?? []) {
      const names = (await listFolder(join(facts.dataRoot, 'tmp', spool, folder))) ?? [];
      if (names.some((name) => wanted.has(name))) return true;
    }
  }
  return false;
}

async function listFolder(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

async function hasAny(connection: Connection, imageIDs: readonly Digest[]): Promise<boolean> {
  for (const imageID of imageIDs) if ((await findImage(connection, imageID)) !== undefined) return true;
  return false;
}

function stillBusy({ facts }: Connection, busyMs: number): DockerError {
  const seconds = Math.round(busyMs / 1000);
  return new DockerError(
    `wait for engine at ${facts.socket}: expected the end of a load that was cut off, got none in ${seconds} s`,
    { code: 'ENGINE_BUSY', facts: { engine: facts.socket } },
  );
}
