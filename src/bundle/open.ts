/**
 * Opens a tar and knows its structure: every header has been compared, the entries are those of one of the three
 * kinds, in order, and trust metadata, `release.json` and the sites' documents are in memory. Nothing of it is
 * believed yet: `trust/` judges the chain, `prove.ts` the contents. No layer is touched.
 */
import type { FileHandle } from 'node:fs/promises';
import { isErrno, openToRead } from '../content/index.ts';
import { LayoutError, readTarIndex, type TarEntry } from '../layout/index.ts';
import { BundleError, type Damage, damaged } from './error.ts';
import { labelled, labelsOf } from './labels.ts';
import { readKind } from './names.ts';
import { MAX_ENTRIES } from './plan.ts';
import { Bundle } from './reader.ts';
import { readBody, readSmall } from './small.ts';

/**
 * Opens a bundle, an overlay or a catalogue.
 * @throws {BundleError} `BUNDLE_NOT_FOUND`, `NOT_A_BUNDLE`, `BUNDLE_CUT_OFF`, `DAMAGED`, the latter with all that is
 * known of where.
 */
export async function openBundle(path: string): Promise<Bundle> {
  const file = await openRead(path);
  try {
    const size = await sizeOf(file, path);
    const index = await readIndex(file, size, path);
    const { kind, entries } = readKind(index);
    const small = await readSmall(file, entries);
    return new Bundle({ path, size, kind, entries, file }, small);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openRead(path: string): Promise<FileHandle> {
  try {
    return await openToRead(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new BundleError(`open bundle: ${path}: expected a file, got nothing there`, {
      code: 'BUNDLE_NOT_FOUND',
      cause: error,
      facts: { path },
    });
  }
}

async function sizeOf(file: FileHandle, path: string): Promise<number> {
  const stat = await file.stat();
  if (stat.isFile()) return stat.size;
  throw notABundle(path, stat.isDirectory() ? 'a folder' : 'something that is no regular file');
}

async function readIndex(file: FileHandle, size: number, path: string): Promise<TarEntry[]> {
  try {
    const index = await readTarIndex(file, { size, maxEntries: MAX_ENTRIES });
    if (!isFirst(index[0])) throw notABundle(path, `a tar that begins with ${index[0]?.name ?? 'its end'}`);
    return index;
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    if (!isFirst(error.entries[0])) throw notABundle(path, error.message.replace('read tar: ', ''), error);
    throw await asDamage(file, error);
  }
}

function isFirst(entry: TarEntry | undefined): boolean {
  return entry?.name === 'tuf/1.root.json';
}

async function asDamage(file: FileHandle, error: LayoutError): Promise<BundleError> {
  const { offset, entry, entries } = error;
  const why = error.message.replace(/^read tar: (?:\S+: )?(?:offset \d+: )?/, '');
  const behind = entry === undefined && entries.length > 0 ? `${why}, behind ${entries.at(-1)?.name}` : why;
  const damage: Damage = { ...(entry ? { entry } : {}), ...(offset === undefined ? {} : { offset }), why: behind };
  const release = entries.find(({ name }) => name === 'release.json');
  const labels = labelsOf(release === undefined ? Buffer.of() : await readBody(file, release).catch(() => Buffer.of()));
  const code = error.code === 'TAR_TRUNCATED' ? 'BUNDLE_CUT_OFF' : 'DAMAGED';
  return damaged('open bundle', [labelled(damage, labels)], { code, cause: error });
}

function notABundle(path: string, got: string, cause?: unknown): BundleError {
  return new BundleError(`open bundle: ${path}: expected a tar that ferry wrote, got ${got}`, {
    code: 'NOT_A_BUNDLE',
    cause,
    facts: { path },
  });
}
