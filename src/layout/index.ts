/** The tar: its headers and lay-out, a strict reader, the documents of an OCI layout, and the tar for an engine. */
export { blobName, indexJSON, manifestJSON, OCI_LAYOUT } from './documents.ts';
export type { LayoutCode } from './error.ts';
export { LayoutError } from './error.ts';
export { BLOCK, END_SIZE, isEntryName, padding, tarHeader } from './header.ts';
export type { TarEntry, TarLayout } from './lay-out.ts';
export { endOf, layOut } from './lay-out.ts';
export type { PackEntry } from './pack.ts';
export { packTar } from './pack.ts';
export type { ReadTarIndexOptions } from './read.ts';
export { readTarIndex } from './read.ts';
