/** What a bundle holds, for a person: the same for `inspect` and `verify`. */
import type { Inspection } from '../install/index.ts';
import { alignColumns, formatBytes, formatUntil, shortDigest } from './format.ts';

/** The lines below the headline. */
export function inspectionLines(found: Inspection, now: Date): string[] {
  const { images, files, sites } = found;
  return [
    ...alignColumns(factRows(found, now)),
    ...section(
      'images',
      images.map(({ name, digest, size }) => [formatBytes(size), name, shortDigest(digest)]),
    ),
    ...section(
      'files',
      files.map(({ name, size, install = 'not installed' }) => [formatBytes(size), name, install]),
    ),
    ...section(
      'site files',
      sites.map(({ site, files: names }) => [site, names.join(', ')]),
    ),
  ];
}

/** `atrium 2.1.0 (sequence 7)`, or what else it is. */
export function bundleName({ kind, product, release, sequence }: Inspection): string {
  if (kind === 'release') return `${product} ${release} (sequence ${sequence})`;
  return kind === 'catalogue' ? 'a catalogue' : 'files of a site';
}

function factRows(found: Inspection, now: Date): string[][] {
  const { path, bytes, issued, platforms, catalogue, importableUntil } = found;
  return [
    ['file', `${path} (${formatBytes(bytes)})`],
    ...(issued === undefined ? [] : [['issued', issued]]),
    ...(platforms.length === 0 ? [] : [['platforms', platforms.join(', ')]]),
    ['signed', signedWords(found)],
    ['catalogue', `${catalogue.version}, under root ${catalogue.root}`],
    ['importable until', formatUntil(importableUntil, now)],
  ];
}

function signedWords({ authenticated, refusal }: Inspection): string {
  if (authenticated === 'pinned') return 'by the office that this site trusts';
  if (authenticated === 'given') return 'under the root that was given';
  return refusal === undefined ? 'by somebody: nothing here is authenticated' : 'not so that this site trusts it';
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : [title, ...alignColumns(rows, '  ')];
}
