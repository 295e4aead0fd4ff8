/** The tars in a folder, and what the name of each says that it is. Names only choose: what is in a tar proves itself. FORMAT §1. */

import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** How every tar of ours ends. */
export const SUFFIX = '.ferry.tar';

/** An overlay or a catalogue as its name says. */
export interface NamedTar {
  readonly name: string;
  readonly product: string;
  /** A siteID, `any`, or `catalogue`. */
  readonly of: string;
  readonly catalogue: number;
}

/** The names of all tars in a folder, sorted: no other folders, nothing hidden, no partial, no volume, and nothing but files. */
export async function tarNames(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const named = entries.filter(({ name }) => name.endsWith(SUFFIX) && !name.startsWith('.'));
  const names: string[] = [];
  for (const entry of named) if (await isPlain(folder, entry)) names.push(entry.name);
  return names.toSorted();
}

/** A file, or a link to one. A device is not looked into: to open one may be to start something. */
async function isPlain(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return stat(join(folder, entry.name)).then(
    (found) => found.isFile(),
    () => true, // that it leads nowhere is told when it is opened
  );
}

/** Reads `<product>-<siteID>-<catalogue>` or `<product>-catalogue-<catalogue>`; all else is called as a release is. */
export function readTarName(name: string): NamedTar | undefined {
  const [, product, of, catalogue] =
    /^([a-z][a-z0-9-]{1,31})-(catalogue|any|[0-9a-f]{16})-(\d+)\.ferry\.tar$/.exec(name) ?? [];
  if (product === undefined || of === undefined) return undefined;
  return { name, product, of, catalogue: Number(catalogue) };
}

/** Whether a tar is called as a release: `<product>-<release>-<sequence>-<catalogue>`. */
export function isReleaseName(name: string): boolean {
  return readTarName(name) === undefined;
}
