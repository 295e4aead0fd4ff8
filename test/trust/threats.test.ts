/** docs/threats.md names the test for each attack; each must be there under that name. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/threats.md', ROOT), 'utf8');
const named = [...page.matchAll(/`(test\/[\w/.-]+)` "([^"]+)"/g)].map(
  ([, file, name]) => [file as string, name as string] as const,
);

describe('docs/threats.md', () => {
  it('names a test in every row about an attack', () => {
    const rows = page.split('\n').filter((line) => /^\| (?!who|attack|---)/.test(line) && line.split('|').length === 5);
    const missing = rows.filter((row) => !/`test\//.test(row));
    expect(rows.length).toBeGreaterThan(25);
    expect(missing).toEqual([]);
  });

  it.each(named)('is right about %s "%s"', (file, name) => {
    const path = new URL(file, ROOT);
    expect(existsSync(path)).toBe(true);
    const source = readFileSync(path, 'utf8').replaceAll("\\'", "'");
    expect(source.includes(name)).toBe(true);
  });
});
