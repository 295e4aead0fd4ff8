/** Public test vectors: they lie beside the checkout, in ../shared/vectors, and are no part of it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of a folder of vectors, whether it is there or not. Where it is not, a line says what is not tested. */
export function vectorsFolder(name: string): string {
  const folder = fileURLToPath(new URL(`../../../shared/vectors/${name}`, import.meta.url));
  if (!existsSync(folder)) console.warn(`skipped: what needs the vectors in ${folder}, which are not there`);
  return folder;
}
