/** What an import would do, for a person: image by image, file by file with what changes in it, and the room it takes. */

import { spellOut } from '../errors.ts';
import type { FerryOutcome, FileChange, ImportPlan, PlannedImage } from '../install/index.ts';
import { alignColumns, formatBytes, formatDay, shortDigest } from './format.ts';

/** A line for every image and file. */
export function planRows({ images, files, ferry }: ImportPlan): string[] {
  const rows = [...images.map(imageRow), ...files.map(fileRow)];
  return alignColumns([...rows, ...(ferry === undefined ? [] : [ferryRow(ferry, FERRY_WORDS)])], '  ');
}

/** The row of ferry itself. @param words for what becomes of it, or became */
export function ferryRow(
  { version, link, action }: FerryOutcome,
  words: Readonly<Record<FerryOutcome['action'], string>>,
): string[] {
  return [words[action], `ferry ${version} → ${link}`];
}

const FERRY_WORDS = {
  installed: 'to install',
  same: 'same',
  'kept-newer': 'newer one stays',
  skipped: 'left out',
} as const;

/** A row for every disk: what is needed there, and what is free. */
export function spaceRows({ space }: ImportPlan): [string, string][] {
  return space.map(({ path, needed, free, what }) => [
    `room in ${path}`,
    `${formatBytes(needed)} for ${what}, ${formatBytes(free)} free`,
  ]);
}

/** What changes in the files, those that can be shown. */
export function diffLines({ files }: ImportPlan): string[] {
  return files.flatMap(({ diff, more = 0 }) => [
    ...(diff === undefined ? [] : [diff]),
    ...(more > 0 ? [`(${more} more lines)`] : []),
  ]);
}

function imageRow({ name, action, bytes, replaces }: PlannedImage): string[] {
  const read = action === 'load' ? [`${formatBytes(bytes)} to read`] : [];
  const moved = replaces === undefined ? [] : [`in place of ${shortDigest(replaces)}`];
  return [IMAGE_WORDS[action], name, [...read, ...moved].join(', ')];
}

const IMAGE_WORDS = { load: 'to load', retag: 'to retag', present: 'present' } as const;

function fileRow({ path, action, mode, license, why }: FileChange): string[] {
  const changed = mode === undefined ? [] : [`mode ${mode.from} to ${mode.to}`];
  return [
    FILE_WORDS[action],
    path,
    [...changed, ...licenseWords(license), ...(why === undefined ? [] : [WHY[why]])].join(', '),
  ];
}

/** What a person wants to know of a licence that is about to be installed. */
function licenseWords(license: FileChange['license']): string[] {
  if (license === undefined) return [];
  const { isProven, subject, validUntil } = license;
  const whose = subject === undefined ? [] : [`of ${spellOut(subject)}`];
  const until = validUntil === undefined ? [] : [`valid until ${formatDay(validUntil)}`];
  return [`licence ${[...whose, ...until].join(' ')}${isProven ? '' : ', as it says itself'}`];
}

const FILE_WORDS = { new: 'to add', changed: 'to replace', same: 'same', kept: 'kept as it is here' } as const;
const WHY = {
  site: 'not shown: a file of the site',
  private: 'not shown: not everybody may read it',
  binary: 'not shown: no text',
  large: 'not shown: too large',
  different: 'not shown: nearly every line differs',
} as const;
