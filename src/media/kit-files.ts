/** The files of a kit: where the bytes of each come from, and how a former kit's is known. */
import { basename } from 'node:path';
import type { Bundle } from '../bundle/index.ts';
import { type KitFile, type LaidFile, type LayOptions, tarCheck } from './kit-file.ts';
import { type KitPage, type KitParts, nameOf } from './kit-parts.ts';
import { bytesSource, entrySource, fileSource } from './source.ts';
import { SUMS_NAME, sumsText } from './sums.ts';

/** The tars, those that lie there included. @throws {BundleError} `DAMAGED` for one without a chunk list */
export async function tarFiles(
  { choice: { release, overlays, catalogue }, lying }: KitParts,
  options: LayOptions,
): Promise<KitFile[]> {
  const files: KitFile[] = [];
  for (const tar of [release, ...overlays, catalogue]) {
    if (tar === undefined) continue;
    const { path, size } = tar;
    const check = await tarCheck(path, { ...options, size });
    const source = lying.has(tar) ? {} : { source: fileSource(path, size) };
    files.push({ name: nameOf(tar, lying), size, check, ...source });
  }
  return files;
}

/** ELF, Windows' and macOS' programs. */
const MAGIC = [Buffer.from('\x7fELF', 'latin1'), Buffer.from('MZ', 'latin1'), Buffer.from('cffaedfe', 'hex')];

/** The executables, out of the release's own entries. */
export function bundleFiles({ executables }: KitParts, release: Bundle | undefined): KitFile[] {
  const isOurs = (head: Buffer) => MAGIC.some((magic) => head.subarray(0, magic.length).equals(magic));
  return executables.map(({ name, entry, digest, size }) => ({
    name,
    size,
    mode: 0o755,
    isOurs,
    source: entrySource(release as Bundle, { name: entry, digest, size }), // only a release has executables
  }));
}

/** `root.json`, and the pages. */
export function fixedFiles({ judged: { root, roots } }: KitParts, pages: readonly KitPage[]): KitFile[] {
  const isRoot = (head: Buffer) => roots.some((known) => Buffer.from(known).subarray(0, head.length).equals(head));
  return [
    { name: 'root.json', size: root.length, source: bytesSource(root), isOurs: isRoot },
    ...pages.map(({ name, text, marker }): KitFile => {
      const bytes = Buffer.from(text);
      return { name, size: bytes.length, source: bytesSource(bytes), isOurs: (head) => head.includes(marker) };
    }),
  ];
}

/** Whether a file that begins so is a kit's list of sums: it names a tar of ours. */
export function isSums(head: Buffer): boolean {
  return /^[0-9a-f]{64} {2}[\w.-]+\.ferry\.(?:chunks\.json|tar)$/m.test(head.toString('latin1'));
}

/** The sums of all others. */
export function sumsFile(laid: readonly LaidFile[]): KitFile {
  const bytes = Buffer.from(sumsText(laid.map(({ name, sha256 }) => ({ name: basename(name), sha256 }))));
  return { name: SUMS_NAME, size: bytes.length, source: bytesSource(bytes), isOurs: isSums };
}
