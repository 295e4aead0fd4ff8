/**
 * Version ranges for `upgradeFrom`: comparators (`>=1.8`, `<3`, `=2.1.0`, a bare version) joined by blanks for "and",
 * by `||` for "or". Versions are dotted numbers of any length; missing parts count as zero and a pre-release stands
 * before its version. Pure.
 */

const COMPARATOR = /^(>=|<=|>|<|=)?v?(\d{1,15}(?:\.\d{1,15})*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

interface Version {
  readonly numbers: readonly number[];
  readonly prerelease: string | undefined;
}

/** Whether a text can be read as a range. */
export function isRange(range: string): boolean {
  return range
    .split('||')
    .every((part) => words(part).length > 0 && words(part).every((word) => COMPARATOR.test(word)));
}

/**
 * Whether a version lies in a range, or `undefined` when the version is no dotted number (a name such as `nightly`),
 * which is reported and not judged.
 * @param range one that {@link isRange} accepts
 */
export function satisfiesRange(version: string, range: string): boolean | undefined {
  const actual = parseVersion(version);
  if (actual === undefined) return undefined;
  return range.split('||').some((part) => words(part).every((word) => satisfies(actual, word)));
}

/** Whether a version is newer than another one; `undefined` when one of them is no dotted number. */
export function isNewer(version: string, than: string): boolean | undefined {
  const [left, right] = [parseVersion(version), parseVersion(than)];
  return left && right && compare(left, right) > 0;
}

function words(part: string): readonly string[] {
  return part.split(/\s+/).filter((word) => word !== '');
}

function satisfies(actual: Version, comparator: string): boolean {
  const wanted = parseVersion(comparator);
  if (wanted === undefined) return false;
  const order = compare(actual, wanted);
  switch (COMPARATOR.exec(comparator)?.[1]) {
    case '>=':
      return order >= 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '<':
      return order < 0;
    default:
      return order === 0;
  }
}

function parseVersion(text: string): Version | undefined {
  const match = COMPARATOR.exec(text);
  if (match?.[2] === undefined) return undefined;
  return { numbers: match[2].split('.').map(Number), prerelease: match[3] };
}

function compare(left: Version, right: Version): number {
  for (let at = 0; at < Math.max(left.numbers.length, right.numbers.length); at += 1) {
    const difference = (left.numbers[at] ?? 0) - (right.numbers[at] ?? 0);
    if (difference !== 0) return difference;
  }
  if (left.prerelease === right.prerelease) return 0;
  if (left.prerelease === undefined) return 1;
  if (right.prerelease === undefined) return -1;
  return left.prerelease.localeCompare(right.prerelease, 'en', { numeric: true });
}
