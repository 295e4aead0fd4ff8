/**
 * `releases/<n>`: what was installed, one folder a release, named by its sequence; `releases/current` links to the one
 * that is installed. A folder is drafted whole beside the others and takes its place by rename; the link is moved last,
 * and that is the moment at which a release counts as installed. FORMAT §7.
 */

import { dirname, join } from 'node:path';
import { findFileBounded, readFileBounded } from '../content/index.ts';
import { findLink, listFolder, makeFolder, moveName, pointLink, putFile, putStream, removeName } from './disk.ts';
import { damaged } from './document.ts';

const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** A release that was installed here. */
export interface StoredRelease {
  readonly sequence: number;
  readonly dir: string;
  /** release.json as carried. */
  readonly document: Uint8Array;
  /** receipt.json as signed here. */
  readonly receipt: Uint8Array;
}

/** A release folder that is not in its place yet. Nobody else drafts: the state is locked. */
export interface ReleaseDraft {
  /** Where its files are until `commit`. */
  readonly draftDir: string;
  /** Where its files are afterwards. */
  readonly dir: string;
  /** Writes a file, `receipt.json` or `files/<name>`. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Writes a file that may be large; one that fails is not there. */
  putStream(name: string, source: AsyncIterable<Uint8Array>): Promise<void>;
  /** Takes its place and becomes the current release. */
  commit(): Promise<void>;
  /** Puts back what was before, whatever was reached. */
  undo(): Promise<void>;
  /** Removes what `undo` would have needed. */
  settle(): Promise<void>;
}

/** The sequences of all releases kept here, lowest first. */
export async function listReleases(stateDir: string): Promise<readonly number[]> {
  const entries = await listFolder(join(stateDir, 'releases'));
  return entries
    .filter((entry) => /^(0|[1-9]\d*)$/.test(entry.name))
    .map((entry) => Number(entry.name))
    .toSorted((a, b) => a - b);
}

/** The installed release, or `undefined` on a site that has none. @throws {StateError} `STATE_DAMAGED` */
export async function findCurrentRelease(stateDir: string): Promise<StoredRelease | undefined> {
  const target = await findLink(join(stateDir, 'releases', 'current'));
  return target === undefined ? undefined : readRelease(stateDir, Number(target));
}

/** A release that was installed here, current or not. @throws {StateError} `STATE_DAMAGED` when a part is missing */
export async function readRelease(stateDir: string, sequence: number): Promise<StoredRelease> {
  const dir = join(stateDir, 'releases', String(sequence));
  const document = await findFileBounded(join(dir, 'release.json'), { max: MAX_DOCUMENT_BYTES });
  if (document === undefined) throw damaged(join(dir, 'release.json'), 'expected the document of an installed release');
  const receipt = await readFileBounded(join(dir, 'receipt.json'), { max: MAX_DOCUMENT_BYTES });
  return { sequence, dir, document, receipt };
}

/** Begins the folder of a release, without touching one that is there under its number. */
export async function draftRelease(stateDir: string, sequence: number): Promise<ReleaseDraft> {
  const releases = join(stateDir, 'releases');
  const link = join(releases, 'current');
  const dir = join(releases, String(sequence));
  const draftDir = join(releases, `.draft-${sequence}`);
  const aside = join(releases, `.replaced-${sequence}`);
  await makeFolder(releases);
  await removeName(draftDir);
  await removeName(aside);
  await makeFolder(draftDir);
  const previous = await findLink(link);
  let isPlacing = false;
  return {
    draftDir,
    dir,
    put: async (name, bytes) => putFile(await placeOf(draftDir, name), bytes),
    putStream: async (name, source) => putStream(await placeOf(draftDir, name), source),
    commit: async () => {
      isPlacing = true;
      if ((await listReleases(stateDir)).includes(sequence)) await moveName(dir, aside);
      await moveName(draftDir, dir);
      await pointLink(link, String(sequence));
    },
    undo: async () => {
      // judged by what is on the disk: a step may have failed after its rename
      if ((await findLink(link)) !== previous) {
        await (previous === undefined ? removeName(link) : pointLink(link, previous));
      }
      const names = new Set((await listFolder(releases)).map((entry) => entry.name));
      if (isPlacing && !names.has(`.draft-${sequence}`)) await removeName(dir);
      await removeName(draftDir);
      if (names.has(`.replaced-${sequence}`)) await moveName(aside, dir);
      isPlacing = false;
    },
    settle: () => removeName(aside),
  };
}

async function placeOf(draftDir: string, name: string): Promise<string> {
  const path = join(draftDir, name);
  await makeFolder(dirname(path));
  return path;
}
