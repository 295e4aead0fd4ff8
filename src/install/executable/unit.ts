/**
 * The boot unit on this host: written where systemd runs the host, and only in the place of one that ferry wrote. An
 * operator's own, or one that is masked, stays.
 */

import { access } from 'node:fs/promises';
import { readBounded } from '../../content/index.ts';
import type { FolderTree, OpenFolder } from '../files/folder.ts';
import { hostPath } from '../files/host-path.ts';
import { findTarget } from '../files/our-link.ts';
import { bytesOf, openFile } from '../files/standing.ts';
import { type BootUnitOptions, bootUnit, isOurUnit, waitingUnits } from './boot-unit.ts';
import { LINK, UNIT, UNIT_FOLDER } from './places.ts';
import { inodeAt } from './swap.ts';

/** There when systemd is what runs the system (sd_booted(3)). */
const BOOTED = '/run/systemd/system';
/** No unit is this large. */
const MAX_UNIT_BYTES = 64 * 1024;

export interface UnitPlan {
  /** The text to write; `null`: nothing is to be done. */
  readonly unit: string | null;
  /** Inode of what stands there. */
  readonly stood: string | null;
  readonly warnings: readonly string[];
}

export interface PlanUnitOptions extends Pick<BootUnitOptions, 'state' | 'prefix' | 'dockerHost'> {
  readonly tree: FolderTree;
}

/** @throws {InstallError} `DESTINATION_UNSAFE` */
export async function planUnit({ tree, ...options }: PlanUnitOptions): Promise<UnitPlan> {
  const { prefix } = options;
  const nothing = { unit: null, stood: null, warnings: [] };
  if (!(await isThere(hostPath(prefix, BOOTED)))) return nothing;
  const folder = await tree.find(UNIT_FOLDER);
  const stood = (folder && (await inodeAt(folder.at(UNIT)))) ?? null;
  const ferry = hostPath(prefix, LINK);
  if (folder === undefined || stood === null)
    return { unit: bootUnit({ ...options, ferry }), stood: null, warnings: [] };
  if ((await findTarget(folder.at(UNIT))) === '/dev/null') return nothing; // masked
  const found = await readUnit(folder);
  if (found === undefined || !isOurUnit(found)) {
    return {
      ...nothing,
      warnings: [`${hostPath(prefix, `${UNIT_FOLDER}/${UNIT}`)} was not made by ferry: left alone`],
    };
  }
  const unit = bootUnit({ ...options, ferry, before: waitingUnits(found) });
  return unit === found ? nothing : { unit, stood, warnings: [] };
}

/** Its text; `undefined` where no plain file of a sane size stands. */
async function readUnit(folder: OpenFolder): Promise<string | undefined> {
  if ((await findTarget(folder.at(UNIT))) !== undefined) return undefined;
  const handle = await openFile(folder, UNIT, `${UNIT_FOLDER}/${UNIT}`);
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    if (size > MAX_UNIT_BYTES) return undefined;
    return (await readBounded(bytesOf(handle, size), { max: MAX_UNIT_BYTES, what: UNIT })).toString();
  } finally {
    await handle.close();
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
