/**
 * The switch of files as a step: one rename for each folder shows all its new files at once. The new ones lie there
 * already, so it can be made from the journal alone, and again.
 */

import type { Digest } from '../../oci/index.ts';
import { type FolderTree, type OpenFolder, openInner } from '../files/folder.ts';
import { DATA, findTarget, isOurLink, versionName } from '../files/our-link.ts';
import { pointData } from '../files/place-links.ts';
import { findStaleMounts } from '../files/stale-mounts.ts';
import { findInner, findStanding } from '../files/standing.ts';
import { changedFiles, changedMeanwhile, type FolderSwitch, type SwitchData } from '../files/switch-plan.ts';
import { switchBack } from '../files/unstage-files.ts';
import type { Site, Step, StepKind } from './step.ts';

/** The step that shows what was staged; none where nothing was. */
export function switchFiles(data: SwitchData | undefined): Step<SwitchData> | undefined {
  return data && { kind: 'switch', name: 'switch files', data };
}

export const switchStep: StepKind<SwitchData> = {
  isResumable: true,
  apply: async ({ folders }, site) => {
    for (const change of folders) await switchFolder(change, site);
  },
  undo: async ({ folders }, site) => {
    for (const change of folders.toReversed()) await switchBack(change, site);
  },
  settle: async (data, site) => {
    const stale = await findStaleMounts(site, changedFiles(data)).catch((error: unknown) => {
      site.warn(`which containers still see old files: ${String(error)}`);
      return [];
    });
    if (stale.length > 0) site.outcome.recreate = stale;
  },
};

async function switchFolder(change: FolderSwitch, site: Site): Promise<void> {
  const version = versionName(site.id);
  const folder = await site.tree.find(change.folder);
  const staged = folder && (await openInner(folder, version, `${change.folder}/${version}`));
  if (folder === undefined || staged === undefined) throw changedMeanwhile(change.folder, 'staged files');
  try {
    if ((await findTarget(folder.at(DATA))) !== version) {
      await refuseEdited(change, { folder, staged }, site);
      await pointData(folder, version, { id: site.id, way: 'on' });
    }
  } finally {
    await staged.close();
  }
  for (const { name, digest } of change.files) {
    if (digest === null || (await isOurLink(folder, name))) continue;
    throw changedMeanwhile(`${change.folder}/${name}`, 'the link that was staged');
  }
}

/** Images take their time to load: what somebody wrote meanwhile would be lost. */
async function refuseEdited(
  { folder: path, files, carried }: FolderSwitch,
  { folder, staged }: { readonly folder: OpenFolder; readonly staged: OpenFolder },
  { tree }: Site,
): Promise<void> {
  for (const { name, was, found } of files) {
    // of a name that was taken away, the link that was staged shows the former version until the switch
    if (was === 'absent' && (await isOurLink(folder, name))) continue;
    await refuseOther(`${path}/${name}`, found, tree);
  }
  for (const name of carried) {
    const copy = await findInner(staged, name, `${path}/${name}`);
    await refuseOther(`${path}/${name}`, copy?.digest ?? null, tree);
  }
}

async function refuseOther(path: string, expected: Digest | null, tree: FolderTree): Promise<void> {
  const now = (await findStanding(tree, path))?.digest ?? null;
  if (now !== expected) throw changedMeanwhile(path, 'the file that was looked at');
}
