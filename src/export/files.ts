/**
 * The files of a release, measured: digest and size decide what is signed, and the same bytes must
 * stand there when they are written. Paths are relative to the manifest.
 */
import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { BundleFile } from '../bundle/index.ts';
import { ContentError, fileDigest } from '../content/index.ts';
import type { ReleaseFile, ReleaseManifest } from '../manifest/index.ts';
import { MAX_FILE_BYTES } from '../manifest/index.ts';
import type { Digest } from '../oci/index.ts';
import { formatPlatform } from '../oci/index.ts';
import { ExportError } from './error.ts';
import type { ExportOptions } from './options.ts';
import { readSourceFile, sourceFile } from './source-file.ts';

/** What travels beside the images. */
export interface MeasuredFiles {
  /** In the order of release.json. */
  readonly files: readonly ReleaseFile[];
  /** The bytes of one of them, as they are by now: whoever writes them proves them. */
  readonly open: (file: Pick<BundleFile, 'name'>) => AsyncIterable<Uint8Array>;
  /** What a failed write means: {@link ExportError} `SOURCE_FILE` for a file that changed since it was measured. */
  readonly asChange: (error: unknown) => unknown;
}

/** Measures every file that the manifest names. @throws {ExportError} `SOURCE_FILE` */
export async function measureFiles(
  manifest: ReleaseManifest,
  { manifestPath, ferryVersion }: Pick<ExportOptions, 'manifestPath' | 'ferryVersion'>,
): Promise<MeasuredFiles> {
  const paths = new Map<string, string>();
  const measure = async ({ name, from }: { readonly name: string; readonly from: string }) => {
    const path = resolve(dirname(manifestPath), from);
    paths.set(name, path);
    return { name, ...(await measureFile(path, from)) };
  };
  const files = await Promise.all(
    manifest.files.map(async (file): Promise<ReleaseFile> => {
      const { install, mode } = file;
      return { ...(await measure(file)), mode, ...(install !== undefined && { install }) };
    }),
  );
  const executables = await Promise.all(
    manifest.ferry.map(async (entry): Promise<ReleaseFile> => {
      const version = entry.version ?? ferryVersion;
      if (version === undefined) throw sourceFile({ from: entry.from }, 'expected a version: beside it, got none');
      return { ...(await measure(entry)), mode: '0755', ferry: { version, platform: formatPlatform(entry.platform) } };
    }),
  );
  const all = [...files, ...executables];
  const pathOf = (digest: unknown) => paths.get(all.find((file) => file.digest === digest)?.name ?? '');
  return {
    files: all,
    open: ({ name }) => createReadStream(paths.get(name) as string),
    asChange: (error) => asChange(error, pathOf),
  };
}

async function measureFile(path: string, from: string): Promise<{ digest: Digest; size: number }> {
  return readSourceFile(path, { from }, async ({ size }) => {
    if (size > MAX_FILE_BYTES) throw sourceFile({ from }, `expected at most ${MAX_FILE_BYTES} bytes, got ${size}`);
    return { digest: await fileDigest(path), size };
  });
}

/** A mismatch found while a file was written is a change of that file, no damage of a bundle; other errors as they are. */
function asChange(error: unknown, pathOf: (digest: unknown) => string | undefined): unknown {
  const path = error instanceof ContentError ? pathOf(error.facts['digest']) : undefined;
  if (path === undefined) return error;
  return new ExportError(`read ${path}: expected the bytes that were signed, got others: it changed meanwhile`, {
    code: 'SOURCE_FILE',
    cause: error,
    hint: 'run the export again, when nobody writes that file',
    facts: { path },
  });
}
