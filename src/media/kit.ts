/**
 * Lays a medium out: one release, its sites' overlays, executables, root, pages for people and the sums of all. First
 * everything is written under hidden names and read back, then what former kits left goes to `older/`, then all gets its
 * name, the sums last. Stopped in between, the same command completes it; until then `sha256sum -c` says no.
 */
import { rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Bundle, chunkList, chunkListPath, openBundle } from '../bundle/index.ts';
import { type Progress, silentProgress, syncDirectory } from '../content/index.ts';
import { CACHED_WARNING } from './copy.ts';
import { checkSpace, openFolder, partialName, removeDrafts } from './folder.ts';
import { type KitFile, type LaidFile, layFile, lookAt } from './kit-file.ts';
import { bundleFiles, fixedFiles, isSums, sumsFile, tarFiles } from './kit-files.ts';
import { type KitFacts, type KitPage, type KitParts, kitParts } from './kit-parts.ts';
import { checkOlder, moveToOlder } from './older.ts';
import type { ReadBackWay } from './read-back.ts';
import { bytesSource } from './source.ts';
import { SUMS_NAME } from './sums.ts';

export interface KitOptions {
  /** The medium; made when only its last folder is missing. */
  readonly dir: string;
  /** Paths of tars. @default what lies there */
  readonly bundles?: readonly string[] | undefined;
  /** The workspace's root.json: the tars must be under exactly this one. @default not compared */
  readonly officeRoot?: Uint8Array | undefined;
  readonly pages: (facts: KitFacts) => readonly KitPage[];
  readonly now: Date;
  readonly buildTime?: Date | undefined;
  /** @default silentProgress */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface KitResult extends KitFacts {
  readonly dir: string;
  /** All that the kit is, in the order of names. */
  readonly files: readonly Pick<LaidFile, 'name' | 'size' | 'sha256' | 'action'>[];
  /** What was moved to `older/`. */
  readonly older: readonly string[];
  /** That were written. */
  readonly bytes: number;
  readonly readBack: ReadBackWay;
  readonly warnings: readonly string[];
}

/**
 * Lays out a kit.
 * @throws {MediaError}; {BundleError} for a tar that is damaged; {TrustError} for one that no site would take;
 * {ContentError} `NO_SPACE`, `FAT_LIMIT`, `NAME_TAKEN` and what a place refuses; the signal's reason
 */
export async function layOutKit(options: KitOptions): Promise<KitResult> {
  const dir = resolve(options.dir);
  await openFolder(dir);
  const parts = await kitParts({ ...options, dir });
  const release = parts.choice.release && (await openBundle(parts.choice.release.path));
  try {
    return await layOut(parts, release, { ...options, dir });
  } finally {
    await release?.close();
  }
}

async function layOut(parts: KitParts, release: Bundle | undefined, options: KitOptions): Promise<KitResult> {
  const { dir, progress = silentProgress, signal } = options;
  const { facts, former } = parts;
  const laying = { dir, progress, signal };
  const tars = await tarFiles(parts, laying);
  const others = [...bundleFiles(parts, release), ...fixedFiles(parts, options.pages(facts))];
  await prepare([...tars, ...others], { dir, former });
  const laid: LaidFile[] = [];
  try {
    for (const file of tars) laid.push(...(await layTar(file, laying)));
    for (const file of others) laid.push(await layFile(file, laying));
    const older = await moveToOlder(dir, former);
    await publish(laid, dir);
    const sums = await layFile(sumsFile(laid), laying);
    await publish([sums], dir);
    return resultOf([...laid, sums], { dir, older, parts });
  } catch (error) {
    // what has its name by now is not there any more under the hidden one
    for (const { name } of laid) await rm(join(dir, partialName(name)), { force: true }).catch(() => undefined);
    throw error;
  }
}

/** All that can be known before the first byte. */
async function prepare(
  files: readonly KitFile[],
  { dir, former }: { readonly dir: string; readonly former: readonly string[] },
): Promise<void> {
  const lists = files.flatMap(({ name }) => chunkListPath(name) ?? []);
  await removeDrafts(dir, [...files.map(({ name }) => name), ...lists, SUMS_NAME]);
  await checkOlder(dir, former);
  await lookAt({ name: SUMS_NAME, size: -1, isOurs: isSums }, dir);
  const looks = await Promise.all(files.map((file) => lookAt(file, dir)));
  await checkSpace(
    dir,
    files.filter((_, at) => looks[at] !== 'same-size'),
  );
}

/** A tar, and the chunk list of what was read back: a hint, so it may be replaced. */
async function layTar(file: KitFile, options: Parameters<typeof layFile>[1]): Promise<LaidFile[]> {
  const laid = await layFile(file, options);
  const bytes = chunkList(laid.name, laid.size, laid);
  const name = chunkListPath(laid.name) as string; // a tar of a kit has a name of FORMAT §1
  const isOurs = (head: Buffer) => head.toString('latin1').startsWith('{"chunkSize":');
  return [laid, await layFile({ name, size: bytes.length, source: bytesSource(bytes), isOurs }, options)];
}

/** Gives all their names. */
async function publish(laid: readonly LaidFile[], dir: string): Promise<void> {
  for (const { name, isDraft } of laid) if (isDraft) await rename(join(dir, partialName(name)), join(dir, name));
  await syncDirectory(dir);
}

function resultOf(
  laid: readonly LaidFile[],
  { dir, older, parts }: { readonly dir: string; readonly older: readonly string[]; readonly parts: KitParts },
): KitResult {
  const isCached = laid.some(({ way }) => way === 'cached');
  return {
    ...parts.facts,
    dir,
    files: laid
      .map(({ name, size, sha256, action }) => ({ name, size, sha256, action }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    older: older.map((name) => basename(name)),
    bytes: laid.reduce((sum, { size, action }) => sum + (action === 'same' ? 0 : size), 0),
    readBack: isCached ? 'cached' : 'direct',
    warnings: [...parts.warnings, ...(isCached ? [CACHED_WARNING] : [])],
  };
}
