/**
 * `releases/<n>`: what was installed, one folder a release, named by its sequence; `releases/current` links to the one
 * that is installed, 0 where what was here before ferry is back. A folder is drafted whole beside the others, takes its
 * place by rename, and the link is moved last. Each move can be taken back by what is on the disk alone, by a process
 * that knows nothing else. FORMAT §7.
 */

import { dirname, join } from 'node:path';
import { findFileBounded, readFileBounded } from '../content/index.ts';
import { findLink, listFolder, makeFolder, moveName, pointLink, putFile, putStream, removeName } from './disk.ts';
import { damaged, findDocument, stateDocument } from './document.ts';

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
  /** Writes a file, `receipt.json` or `files/<name>`. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Writes a document of ours. */
  putDocument(name: string, fields: Readonly<Record<string, unknown>>): Promise<void>;
  /** Writes a file that may be large; one that fails is not there. */
  putStream(name: string, source: AsyncIterable<Uint8Array>): Promise<void>;
}

/** The sequences of all releases kept here, lowest first; 0, what was here before, is none. */
export async function listReleases(stateDir: string): Promise<readonly number[]> {
  const entries = await listFolder(join(stateDir, 'releases'));
  return entries
    .filter((entry) => /^[1-9]\d*$/.test(entry.name))
    .map((entry) => Number(entry.name))
    .toSorted((a, b) => a - b);
}

/** Where `releases/current` points, 0 included; `undefined` where nothing was ever installed. */
export async function findCurrentSequence(stateDir: string): Promise<number | undefined> {
  const target = await findLink(join(stateDir, 'releases', 'current'));
  return target === undefined ? undefined : Number(target);
}

/** The installed release, or `undefined` on a site that has none. @throws {StateError} `STATE_DAMAGED` */
export async function findCurrentRelease(stateDir: string): Promise<StoredRelease | undefined> {
  const sequence = await findCurrentSequence(stateDir);
  return sequence === undefined || sequence === 0 ? undefined : readRelease(stateDir, sequence);
}

/** A release that was installed here, current or not. @throws {StateError} `STATE_DAMAGED` when a part is missing */
export async function readRelease(stateDir: string, sequence: number): Promise<StoredRelease> {
  const dir = folderOf(stateDir, sequence);
  const document = await findFileBounded(join(dir, 'release.json'), { max: MAX_DOCUMENT_BYTES });
  if (document === undefined) throw damaged(join(dir, 'release.json'), 'expected the document of an installed release');
  const receipt = await readFileBounded(join(dir, 'receipt.json'), { max: MAX_DOCUMENT_BYTES });
  return { sequence, dir, document, receipt };
}

/** A small file of a release's folder, `receipt.json` say; `undefined` when there is none. */
export function findReleaseFile(stateDir: string, sequence: number, name: string): Promise<Buffer | undefined> {
  return findFileBounded(join(folderOf(stateDir, sequence), name), { max: MAX_DOCUMENT_BYTES });
}

/** Whether a release's folder holds a file of this name. */
export function hasReleaseFile(stateDir: string, sequence: number, name: string): Promise<boolean> {
  return isNamed(join(folderOf(stateDir, sequence), name));
}

/** A document of ours in a release's folder. @throws {StateError} `STATE_DAMAGED`, `FORMAT_TOO_NEW` */
export function findReleaseDocument(stateDir: string, sequence: number, name: string) {
  return findDocument(join(folderOf(stateDir, sequence), name));
}

/** Puts a document of ours into a release's folder, in place of the former one; makes the folder when there is none. */
export async function putReleaseDocument(
  stateDir: string,
  { sequence, name }: { readonly sequence: number; readonly name: string },
  fields: Readonly<Record<string, unknown>>,
): Promise<void> {
  await makeFolder(folderOf(stateDir, sequence));
  await putFile(join(folderOf(stateDir, sequence), name), stateDocument(fields));
}

/** Puts bytes into a release's folder, under a name that says what they are; bytes that are there are not written again. */
export async function putReleaseFile(
  stateDir: string,
  { sequence, name }: { readonly sequence: number; readonly name: string },
  source: AsyncIterable<Uint8Array>,
): Promise<void> {
  const path = await placeOf(folderOf(stateDir, sequence), name);
  const draft = join(dirname(path), '.new');
  await removeName(draft);
  await putStream(draft, source);
  await moveName(draft, path);
}

/** Takes a file, or with an empty name the whole folder, of a release away. */
export function removeReleaseFile(stateDir: string, sequence: number, name: string): Promise<void> {
  return removeName(join(folderOf(stateDir, sequence), name));
}

/** Takes a release away: its folder loses its name at once, and its bytes then. */
export async function dropRelease(stateDir: string, sequence: number): Promise<void> {
  const [dir, dropped] = [folderOf(stateDir, sequence), join(stateDir, 'releases', `.dropped-${sequence}`)];
  await removeName(dropped);
  if (await isNamed(dir)) await moveName(dir, dropped);
  await removeName(dropped);
}

/** Begins the folder of a release, without touching one that is there under its number. */
export async function draftRelease(stateDir: string, sequence: number): Promise<ReleaseDraft> {
  const { draft, aside } = namesOf(stateDir, sequence);
  await makeFolder(dirname(draft));
  await removeName(draft);
  await removeName(aside);
  await makeFolder(draft);
  return draftAt(draft);
}

/** The draft that was begun, or `undefined` when it has taken its place or there is none. */
export async function findDraft(stateDir: string, sequence: number): Promise<ReleaseDraft | undefined> {
  const { draft } = namesOf(stateDir, sequence);
  return (await isNamed(draft)) ? draftAt(draft) : undefined;
}

/** Drops a draft that has not taken its place. */
export async function dropDraft(stateDir: string, sequence: number): Promise<void> {
  await removeName(namesOf(stateDir, sequence).draft);
}

/** The draft takes its place and becomes the current release; one that has is only made current. */
export async function commitDraft(stateDir: string, sequence: number): Promise<void> {
  const { draft, aside, dir, link } = namesOf(stateDir, sequence);
  if (await isNamed(draft)) {
    if (await isNamed(dir)) await moveName(dir, aside);
    await moveName(draft, dir);
  }
  await pointLink(link, String(sequence));
}

/** What was there before a commit. */
export interface BeforeCommit {
  /** Which release was current. */
  readonly previous: number | undefined;
  /** Whether there was no folder of this number yet. */
  readonly isNew: boolean;
}

/**
 * Takes `commitDraft` back, however far it came: the folder is a draft again, and the link as it was. Asked again after
 * that draft was dropped, it leaves the folder of before alone.
 */
export async function revertDraft(
  stateDir: string,
  sequence: number,
  { previous, isNew }: BeforeCommit,
): Promise<void> {
  const { draft, aside, dir, link } = namesOf(stateDir, sequence);
  if ((await findCurrentSequence(stateDir)) !== previous) {
    await (previous === undefined ? removeName(link) : pointLink(link, String(previous)));
  }
  const isOurs = isNew || (await isNamed(aside));
  if (isOurs && !(await isNamed(draft)) && (await isNamed(dir))) await moveName(dir, draft);
  if (await isNamed(aside)) await moveName(aside, dir);
}

/** Lets the folder go that a commit has replaced. */
export async function settleDraft(stateDir: string, sequence: number): Promise<void> {
  await removeName(namesOf(stateDir, sequence).aside);
}

function folderOf(stateDir: string, sequence: number): string {
  return join(stateDir, 'releases', String(sequence));
}

function namesOf(stateDir: string, sequence: number) {
  const releases = join(stateDir, 'releases');
  return {
    dir: join(releases, String(sequence)),
    draft: join(releases, `.draft-${sequence}`),
    aside: join(releases, `.replaced-${sequence}`),
    link: join(releases, 'current'),
  };
}

function draftAt(draft: string): ReleaseDraft {
  return {
    put: async (name, bytes) => putFile(await placeOf(draft, name), bytes),
    putDocument: async (name, fields) => putFile(await placeOf(draft, name), stateDocument(fields)),
    putStream: async (name, source) => putStream(await placeOf(draft, name), source),
  };
}

async function placeOf(dir: string, name: string): Promise<string> {
  const path = join(dir, name);
  await makeFolder(dirname(path));
  return path;
}

async function isNamed(path: string): Promise<boolean> {
  const name = path.slice(dirname(path).length + 1);
  return (await listFolder(dirname(path))).some((entry) => entry.name === name);
}
