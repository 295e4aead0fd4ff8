/**
 * From planned files and images to what is to stand at each path, and to what the release will be on this host. Asks
 * nothing but who we are, to whom new files will belong.
 */

import { userInfo } from 'node:os';
import { type InstallRole, isOfPair } from '../files/destination.ts';
import type { FilePlan, PlannedFile } from '../files/file-plan.ts';
import type { WantedFile } from '../files/switch-plan.ts';
import type { Installed, InstalledFile, InstalledTag, KnownRole } from '../kept/installed.ts';
import type { ReleasePlan } from './planned-release.ts';

/** What an import wants to stand where; what the operator keeps is not among it. */
export function wantedFiles({ files }: Pick<FilePlan, 'files'>): readonly WantedFile[] {
  return files
    .filter(({ action }) => action === 'installed')
    .map(({ file: { path, name, digest, size, mode, entry, role } }) => ({
      ...{ path, name, digest, size, mode, source: { entry } },
      ...(isOfPair(role) && { isLinked: true }),
    }));
}

/**
 * What a release will be here. Site files that it does not touch are its own from then on.
 * @param kept all releases that are kept: an image that came with one of them is ours to let go of.
 */
export function installedAfter(
  { release, engine, files }: Pick<ReleasePlan, 'release' | 'engine' | 'files'>,
  { before, kept }: { readonly before: Installed | undefined; readonly kept: readonly Installed[] },
): Installed {
  const loaded = new Set(kept.flatMap(({ tags }) => tags.flatMap((tag) => (tag.isLoaded ? [tag.imageID] : []))));
  const tags = engine.plans.map(({ image, imageID, action }): InstalledTag => {
    return { name: image.name, imageID, isLoaded: action === 'load' || loaded.has(imageID) };
  });
  return {
    sequence: release.sequence,
    tags,
    files: filesAfter(
      files,
      before?.files.filter(({ from }) => from === 'site'),
    ),
  };
}

/** The files that were installed, with those that it leaves as they are: a release leaves those of the site. */
export function filesAfter(
  { files }: Pick<FilePlan, 'files'>,
  left: readonly InstalledFile[] = [],
): readonly InstalledFile[] {
  const own = files.map(fileAfter);
  return [...own, ...left.filter(({ path }) => !own.some((file) => file.path === path))];
}

function fileAfter({ file, found, action }: PlannedFile): InstalledFile {
  const { path, name, entry } = file;
  const role = isKnownRole(file.role) && { role: file.role };
  const us = userInfo();
  const owner = { uid: found?.uid ?? us.uid, gid: found?.gid ?? us.gid };
  if (action === 'kept' && found !== undefined) return { path, name, ...found, ...owner, from: 'kept', ...role };
  const { digest, size, mode } = file;
  return { path, name, digest, size, mode, ...owner, from: entry.startsWith('files/') ? 'release' : 'site', ...role };
}

function isKnownRole(role: InstallRole | undefined): role is KnownRole {
  return role === 'license' || role === 'chain' || role === 'key';
}
