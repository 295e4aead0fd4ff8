/** `ferry catalogue export`: the signed list alone as a tar of a few KB, that renews, revokes and rotates (FORMAT §1). */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { planBundle, writeBundle } from '../bundle/index.ts';
import { readFileBounded, writeNew } from '../content/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { publish } from '../workspace/index.ts';
import { openOut } from './place.ts';
import { proveMetadata } from './prove.ts';

export interface ExportedCatalogue {
  readonly path: string;
  /** The timestamp's version. */
  readonly catalogue: number;
  readonly importableUntil: Date;
  /** `unchanged`: the same file was there. */
  readonly action: 'written' | 'unchanged';
  readonly warnings: readonly string[];
}

const MAX_CATALOGUE_BYTES = 1024 ** 3;

/**
 * Writes the catalogue as it stands, signed anew where that is due.
 * @throws {ContentError} `NAME_TAKEN`; {ExportError} `OUT_MISSING`; all that `publish` throws
 */
export async function exportCatalogue(
  workspace: Workspace,
  { outDir }: { readonly outDir: string },
): Promise<ExportedCatalogue> {
  const folder = resolve(outDir);
  await openOut(folder);
  const { chain, view, importableUntil, warnings } = await publish(workspace);
  const catalogue = view.timestamp.version;
  const name = `${workspace.product}-catalogue-${catalogue}.ferry.tar`;
  const path = join(folder, name);
  await mkdir(workspace.paths.exports, { recursive: true });
  const partial = join(workspace.paths.exports, `${name}.${process.pid}.partial`);
  try {
    await writeBundle(planBundle({ chain }), { path: partial, fetchBlob: nothing, openFile: nothing });
    await proveMetadata(partial, { product: workspace.product, now: workspace.options.now });
    const action = await writeNew(path, await readFileBounded(partial, { max: MAX_CATALOGUE_BYTES }));
    return { path, catalogue, importableUntil, action: action === 'same' ? 'unchanged' : 'written', warnings };
  } finally {
    await rm(partial, { force: true });
  }
}

function nothing(): never {
  throw new TypeError('a catalogue has no blobs and no files');
}
