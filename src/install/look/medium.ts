/**
 * Reading from the medium during an import: each byte once, proven as it flows, and whatever is wrong with it told in
 * the bundle's words: which entry, which layer of which image. DESIGN decision 3.
 */

import { type Bundle, type BundleContents, BundleError, openBundle, proveContents } from '../../bundle/index.ts';
import { findMismatch, isMediumFailure, verified } from '../../content/index.ts';
import type { ReleaseDocument } from '../../manifest/index.ts';
import type { InstallFile } from '../files/destination.ts';
import { findBundle } from './find-bundle.ts';

/** Opens the tar at a path. @throws {BundleError} */
export function openTar(path: string): Promise<Bundle> {
  return fromMedium(path, () => openBundle(path));
}

/** Opens the bundle at a path, or the one in a folder. @throws {InstallError} as `findBundle`; {BundleError} */
export function openMedium(path: string): Promise<Bundle> {
  return fromMedium(path, async () => openBundle(await findBundle(path)));
}

/** Proves all but layers and files. @throws {BundleError}, {ManifestError} */
export function proveMedium(bundle: Bundle, release?: ReleaseDocument): Promise<BundleContents> {
  return fromMedium(bundle.path, () => proveContents(bundle, release));
}

/** Reads; what the medium fails to give is damage, though the system names no file. @throws {BundleError} `DAMAGED` */
export async function fromMedium<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!isMediumFailure(cause)) throw cause;
    throw new BundleError(`read bundle: ${path}: expected readable bytes, got ${cause.message}`, {
      code: 'DAMAGED',
      cause,
      facts: { path },
    });
  }
}

/** The bytes of an entry as they lie there; a medium that cannot be read is damage, and names the entry. */
export async function* readable(bundle: Bundle, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* bundle.stream(name);
  } catch (cause) {
    throw unreadable(bundle, name, cause);
  }
}

/** A few bytes of an entry, not proven; a medium that cannot be read is damage here too. */
export async function glance(
  bundle: Bundle,
  name: string,
  range: { readonly offset: number; readonly length: number },
): Promise<Buffer> {
  try {
    return await bundle.readRange(name, range);
  } catch (cause) {
    throw unreadable(bundle, name, cause);
  }
}

function unreadable(bundle: Bundle, name: string, cause: unknown): unknown {
  const entry = bundle.find(name);
  if (entry === undefined || !isMediumFailure(cause)) return cause;
  const why = `expected readable bytes, got ${cause.message}`;
  return bundle.damaged([{ entry: entry.name, offset: entry.dataOffset, why }], { cause });
}

/**
 * Bytes that are not as signed, in the words of the bundle: which layer of which image.
 * @param name of the entry, where it is not a blob.
 */
export function asDamage(error: unknown, bundle: Bundle, name?: string): unknown {
  const mismatch = findMismatch(error);
  const entry = mismatch && bundle.find(name ?? mismatch.digest);
  if (mismatch === undefined || entry === undefined) return error;
  const { why } = mismatch;
  return bundle.damaged([{ entry: entry.name, offset: entry.dataOffset, why }], { cause: error });
}

/** The bytes of a file in the bundle; the last of them only when all are right, else damage that names the entry. */
export async function* provenEntry(
  bundle: Bundle,
  entry: string,
  expected: Pick<InstallFile, 'digest' | 'size'>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* verified(readable(bundle, entry), expected);
  } catch (error) {
    throw asDamage(error, bundle, entry);
  }
}
