/**
 * What a release is at the moment it is left for another: its own `installed.json`, completed by every name and path
 * that the other one will touch, each as it stands now. An edit of the operator's is part of it, bytes and all, so that
 * going back brings it back.
 */

import type { Engine } from '../../docker/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import type { FolderTree } from '../files/folder.ts';
import { findStanding } from '../files/standing.ts';
import type { LeaveData } from '../steps/leave.ts';
import { findInstalled, type Installed, type InstalledFile, type InstalledTag, keptName } from './installed.ts';

export interface LeavingOptions {
  readonly state: SiteStateReader;
  readonly engine: Pick<Engine, 'findTag'>;
  readonly tree: FolderTree;
  /** The release that is left; 0 for what is here before the first import. */
  readonly sequence: number;
  /** What the other release will touch. */
  readonly names: readonly string[];
  readonly files: readonly Pick<InstalledFile, 'path' | 'name'>[];
}

/** Looks at everything and changes nothing. */
export async function planLeaving(options: LeavingOptions): Promise<LeaveData> {
  const { state, sequence } = options;
  const before = await findInstalled(state, sequence);
  const names = new Set([...(before?.tags ?? []).map(({ name }) => name), ...options.names]);
  const tags: InstalledTag[] = [];
  for (const name of names) tags.push(await tagNow(name, before, options.engine));
  const paths = new Map([...options.files, ...(before?.files ?? [])].map((file) => [file.path, file]));
  const files: InstalledFile[] = [];
  for (const file of paths.values()) files.push(await fileNow(file, before, options));
  const keep = await filesToKeep(files, options);
  return { sequence, before: before ?? null, after: { sequence, tags, files }, keep };
}

/** Files whose bytes the folder has not: what an undo may take out again. */
async function filesToKeep(
  files: readonly InstalledFile[],
  { state, sequence }: LeavingOptions,
): Promise<LeaveData['keep']> {
  const keep: LeaveData['keep'][number][] = [];
  for (const { path, digest, size, from } of files) {
    if (digest === null || from === 'release') continue;
    if (!(await state.hasReleaseFile(sequence, keptName(digest)))) keep.push({ path, digest, size });
  }
  return keep;
}

async function tagNow(
  name: string,
  before: Installed | undefined,
  engine: Pick<Engine, 'findTag'>,
): Promise<InstalledTag> {
  const known = before?.tags.find((tag) => tag.name === name);
  // a name that the release has lost is still the release's: a way back without its image would be none
  const imageID = (await engine.findTag(name)) ?? (known?.isLoaded ? known.imageID : null);
  return { name, imageID, isLoaded: known?.isLoaded === true && known.imageID === imageID };
}

async function fileNow(
  { path, name }: Pick<InstalledFile, 'path' | 'name'>,
  before: Installed | undefined,
  { tree }: LeavingOptions,
): Promise<InstalledFile> {
  const known = before?.files.find((file) => file.path === path);
  const now = await findStanding(tree, path);
  const from = known?.from ?? 'found';
  const role = known?.role !== undefined && { role: known.role };
  if (now === undefined) return { path, name, digest: null, size: 0, mode: 0, uid: 0, gid: 0, from, ...role };
  const { digest, size, mode, uid, gid } = now;
  const isOurs = known === undefined || known.digest === digest;
  return { path, name: known?.name ?? name, digest, size, mode, uid, gid, from: isOurs ? from : 'kept', ...role };
}
