/**
 * What an import does about ferry itself: which of the release's executables is for this machine, whether it takes the
 * place of the one that is used, and what stands in the way. Never one that is older, never over what is not ours. Looks
 * and changes nothing. FORMAT §3.
 */

import { userInfo } from 'node:os';
import { isNewer, type ReleaseFile } from '../../manifest/index.ts';
import type { Digest, Platform } from '../../oci/index.ts';
import { InstallError } from '../error.ts';
import type { FolderTree } from '../files/folder.ts';
import { hostPath } from '../files/host-path.ts';
import { findPackageOwner } from '../files/package-owner.ts';
import { findInner } from '../files/standing.ts';
import type { SpaceNeed } from '../import/space.ts';
import type { BootUnitOptions } from './boot-unit.ts';
import type { FerryChange } from './change.ts';
import { type FerryFile, ferryFiles, ferryFor } from './choose.ts';
import { findLinked, type Linked } from './linked.ts';
import { executablePath, FERRY, LINK, LINK_FOLDER, UNIT_FOLDER, versionFolder } from './places.ts';
import { isSameBytes, type RunningFerry } from './running.ts';
import { inodeAt } from './swap.ts';
import { refuseNoexec } from './trial.ts';
import { planUnit } from './unit.ts';

/** What becomes of the ferry that a release carries for this machine. */
export interface FerryOutcome {
  readonly version: string;
  /** Where it stands, or would, on this host. */
  readonly path: string;
  /** What is called: it leads there. */
  readonly link: string;
  /** `same`: it is the one that is used; `kept-newer`: a newer one is; `skipped`: nobody wants it, or something else has its name. */
  readonly action: 'installed' | 'same' | 'kept-newer' | 'skipped';
  /** Of the release's executable. */
  readonly digest: Digest;
}

export interface FerryPlan {
  /** None where the release has no executable for this machine. */
  readonly outcome?: FerryOutcome;
  /** None where nothing is to be done. */
  readonly change?: FerryChange;
  readonly needs: readonly SpaceNeed[];
  readonly warnings: readonly string[];
}

export interface PlanFerryOptions {
  readonly files: readonly ReleaseFile[];
  readonly tree: FolderTree;
  readonly prefix: string;
  readonly machine: Platform;
  readonly isWanted: boolean;
  /** The ferry that runs now. */
  readonly running?: RunningFerry | undefined;
  /** For the boot unit: as they are used now. */
  readonly unit: Pick<BootUnitOptions, 'state' | 'dockerHost'>;
  /** Who owns a file; only asked on a real site, without a prefix. */
  readonly findOwner?: ((path: string) => Promise<string | undefined>) | undefined;
}

/** @throws {InstallError} `DESTINATION_UNSAFE`, `FERRY_NOT_EXECUTABLE` for a mount that runs no program */
export async function planFerry(options: PlanFerryOptions): Promise<FerryPlan> {
  const { files, machine, isWanted, tree, prefix } = options;
  const carried = ferryFiles(files);
  const file = ferryFor(carried, machine);
  if (file === undefined) return { needs: [], warnings: carried.length > 0 ? [noneFor(carried, machine)] : [] };
  const { version } = file.ferry;
  const told = (action: FerryOutcome['action'], warnings: readonly string[] = []): FerryPlan => {
    const path = hostPath(prefix, executablePath(version));
    const link = hostPath(prefix, LINK);
    return { outcome: { version, path, link, action, digest: file.digest }, needs: [], warnings };
  };
  if (!isWanted) return told('skipped');
  try {
    const linked = await findLinked(tree);
    const reason = await findReason(file, linked, options);
    if (reason !== undefined) return told(reason.action, [reason.line]);
    return await planChange(file, linked, options, told);
  } catch (error) {
    throw withoutIt(error);
  }
}

/** Nobody has to change a host's folders for this. */
function withoutIt(error: unknown): unknown {
  if (!(error instanceof InstallError) || error.code !== 'DESTINATION_UNSAFE') return error;
  const { message, code, cause, facts } = error;
  const hint = 'make the folder owned by root, writable by root alone, and no link; or go on without: --no-ferry';
  return new InstallError(message, { code, cause, facts, hint });
}

async function planChange(
  file: FerryFile,
  linked: Linked,
  options: PlanFerryOptions,
  told: (action: FerryOutcome['action'], warnings?: readonly string[]) => FerryPlan,
): Promise<FerryPlan> {
  const { tree, prefix } = options;
  const { version } = file.ferry;
  const { digest, size } = file;
  const place = await findPlace(file, tree);
  const { unit, stood, warnings } = await planUnit({ ...options.unit, prefix, tree });
  const isLinkNew = linked.kind !== 'version' || linked.version !== version;
  if (place.executable === 'same' && !isLinkNew && unit === null) return told('same', warnings);
  await refuseNoexec(hostPath(prefix, versionFolder(version)));
  const folders = [versionFolder(version), LINK_FOLDER, ...(unit === null ? [] : [UNIT_FOLDER])];
  const made = new Set<string>();
  for (const folder of folders) for (const missing of await tree.missing(folder)) made.add(missing);
  const isWritten = place.executable !== 'same';
  const needed = { path: hostPath(prefix, versionFolder(version)), bytes: size, what: 'ferry' };
  return {
    ...told(isWritten || isLinkNew ? 'installed' : 'same', warnings),
    needs: isWritten ? [needed] : [],
    change: {
      ...{ version, digest, size, entry: `files/${file.name}`, made: [...made], isLinkNew },
      executable: place.executable,
      unit: unit === null ? null : unit.split('\n'),
      stood: { executable: place.inode, link: 'inode' in linked ? linked.inode : null, unit: stood },
      before: linked.kind === 'version' && linked.isThere ? linked.version : null,
    },
  };
}

/** Why what is used stays, in words; `undefined` where it does not. */
async function findReason(
  { ferry: { version }, digest }: FerryFile,
  linked: Linked,
  { prefix, running, findOwner = findPackageOwner }: PlanFerryOptions,
): Promise<{ readonly action: 'kept-newer' | 'skipped'; readonly line: string } | undefined> {
  const link = hostPath(prefix, LINK);
  const newer = (here: string) =>
    isNewer(here, version)
      ? ({
          action: 'kept-newer',
          line: `${link} is ferry ${here}, newer than ${version} of this release: kept`,
        } as const)
      : undefined;
  const skipped = (what: string) => ({ action: 'skipped', line: `${link} is ${what}: left alone` }) as const;
  if (linked.kind === 'absent') return undefined;
  if (linked.kind === 'foreign') return skipped('no ferry that an import linked');
  if (linked.kind === 'version') return linked.isThere ? newer(linked.version) : undefined;
  const owner = prefix === '/' ? await findOwner(link) : undefined;
  if (owner !== undefined) return skipped(`a file of the package ${JSON.stringify(owner)}`);
  if (linked.file.digest === digest) return undefined;
  if (running !== undefined && (await isSameBytes(running.path, linked.file))) return newer(running.version);
  return skipped('neither the ferry of this release nor the one that runs');
}

/** What stands where the executable goes; one that others may change is replaced by the proven one. */
async function findPlace(
  { digest, ferry: { version } }: FerryFile,
  tree: FolderTree,
): Promise<{ readonly executable: FerryChange['executable']; readonly inode: string | null }> {
  const folder = await tree.find(versionFolder(version));
  const found = folder && (await findInner(folder, FERRY, executablePath(version)));
  if (folder === undefined || found === undefined) return { executable: 'absent', inode: null };
  const isOurs = found.uid === 0 || found.uid === userInfo().uid;
  const isSame = found.digest === digest && found.mode === 0o755 && isOurs;
  return { executable: isSame ? 'same' : 'other', inode: (await inodeAt(folder.at(FERRY))) ?? null };
}

function noneFor(carried: readonly FerryFile[], { os, architecture }: Platform): string {
  const others = [...new Set(carried.map(({ ferry }) => ferry.platform))].join(', ');
  return `the release carries ferry for ${others} and none for ${os}/${architecture}: ferry stays as it is`;
}
