/** The entries that a tar has against those that it must have: what is missing, surplus, of another size, or in another order. */
import type { TarEntry } from '../layout/index.ts';
import type { Damage } from './error.ts';
import type { PlannedEntry } from './plan.ts';

/** All differences, in the order of the tar, missing ones last. None means: same names, sizes, order and so places. */
export function compareEntries(actual: readonly TarEntry[], planned: readonly PlannedEntry[]): Damage[] {
  const expected = new Map(planned.map((entry) => [entry.name, entry]));
  const damages: Damage[] = [];
  const found = new Set<string>();
  for (const entry of actual) {
    const wanted = expected.get(entry.name);
    found.add(entry.name);
    if (wanted === undefined) damages.push(at(entry, 'expected no such entry, got one that nothing signed names'));
    else if (wanted.size !== entry.size) {
      damages.push({ ...imageOf(wanted), ...at(entry, `expected ${wanted.size} bytes, got ${entry.size}`) });
    }
  }
  for (const entry of planned) {
    if (found.has(entry.name)) continue;
    damages.push({ entry: entry.name, ...imageOf(entry), why: 'expected this entry in the tar, got none' });
  }
  return damages.length > 0 ? damages : compareOrder(actual, planned);
}

function compareOrder(actual: readonly TarEntry[], planned: readonly PlannedEntry[]): Damage[] {
  const first = actual.find(({ name }, i) => name !== planned[i]?.name);
  if (first === undefined) return [];
  return [at(first, `expected ${planned[actual.indexOf(first)]?.name} here, got an entry out of order`)];
}

/** What an entry is of which image, as far as it has one. */
export function imageOf({ source }: PlannedEntry): Pick<Damage, 'image' | 'part'> {
  return source.kind === 'blob' ? { image: source.image, part: source.part } : {};
}

function at({ name, headerOffset }: TarEntry, why: string): Damage {
  return { entry: name, offset: headerOffset, why };
}
