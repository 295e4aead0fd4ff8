/**
 * What changes in a text file, as a unified diff that a terminal may be shown: bounded, and with every character that
 * could act on a terminal or hide in a line spelled out. Pure; the one file that knows jsdiff.
 */

import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff';
import { spellOut } from '../../errors.ts';

/** A file larger than this is not compared. */
export const MAX_DIFF_BYTES = 64 * 1024;
/** So many lines of a diff are shown. */
export const MAX_DIFF_LINES = 200;
/** Lines that were added and removed, after which two texts are different ones: the time grows with its square. */
const MAX_EDITS = 2000;

/** A diff, or why there is none. */
export type TextDiff =
  /** `more` lines come after those shown. */
  { readonly diff: string; readonly more: number } | { readonly why: 'binary' | 'large' | 'different' };

export interface TextDiffOptions {
  /** In the diff's head. */
  readonly path: string;
  /** Nothing, where no file stands there. */
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array;
}

/** Compares two texts, line by line. */
export function diffTexts({ path, before, after }: TextDiffOptions): TextDiff {
  if (Math.max(before?.length ?? 0, after.length) > MAX_DIFF_BYTES) return { why: 'large' };
  const former = before === undefined ? '' : findText(before);
  const next = findText(after);
  if (former === undefined || next === undefined) return { why: 'binary' };
  const names = [before === undefined ? '/dev/null' : path, path] as const;
  const options = { context: 3, maxEditLength: MAX_EDITS };
  const patch = structuredPatch(...names, former, next, undefined, undefined, options);
  if (patch === undefined) return { why: 'different' };
  const lines = formatPatch(patch, FILE_HEADERS_ONLY)
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => spellOut(line, '\t'));
  return { diff: lines.slice(0, MAX_DIFF_LINES).join('\n'), more: Math.max(0, lines.length - MAX_DIFF_LINES) };
}

/** UTF-8 without a zero byte, or `undefined`. */
function findText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined; // what a fatal decoder throws
    throw error;
  }
}
