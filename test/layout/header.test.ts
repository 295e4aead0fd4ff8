import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isEntryName, padding, tarHeader } from '../../src/layout/index.ts';

const GIB = 2 ** 30;

describe('tarHeader', () => {
  it('is what GNU tar writes for a plain ustar file of root without names', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ferry-header-'));
    try {
      const path = join(folder, 'release.json');
      writeFileSync(path, 'twelve bytes');
      utimesSync(path, 0, 0);
      const options = ['--format=ustar', '--owner=:0', '--group=:0', '--numeric-owner', '--mode=0644'];
      const tar = execFileSync('tar', [...options, '-C', folder, '-cf', '-', 'release.json']);
      expect(tarHeader('release.json', 12)).toEqual(tar.subarray(0, 512));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('writes a size of 8 GiB in base-256, as GNU tar does, and one byte less in octal', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ferry-header-'));
    try {
      truncateSync(writeEmpty(join(folder, 'big')), 8 * GIB);
      const command = `tar --format=gnu -C ${folder} -cf - big | head -c 512 >${folder}/header`;
      execFileSync('sh', ['-c', command], { stdio: 'ignore' });
      const gnu = readFileSync(join(folder, 'header'));
      expect(tarHeader('big', 8 * GIB).subarray(124, 136)).toEqual(gnu.subarray(124, 136));
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(tarHeader('big', 8 * GIB - 1).toString('latin1', 124, 136)).toBe('77777777777\0');
  });

  it('holds a name of 100 bytes without an end', () => {
    const name = 'n'.repeat(100);
    expect(tarHeader(name, 0).toString('latin1', 0, 101)).toBe(`${name}0`);
  });

  it.each(['', '/etc/passwd', '../a', 'a/../b', 'a/./b', 'a//b', 'a/', '.hidden', 'ü', 'a b', 'a\0b', 'n'.repeat(101)])(
    'has no header for the name %j',
    (name) => {
      expect(isEntryName(name)).toBe(false);
      expect(() => tarHeader(name, 1)).toThrow(RangeError);
    },
  );

  it.each([-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1])('has no header for the size %d', (size) => {
    expect(() => tarHeader('a', size)).toThrow(RangeError);
  });
});

describe('padding', () => {
  it.each([
    [0, 0],
    [1, 511],
    [511, 1],
    [512, 0],
    [513, 511],
    [8 * GIB + 1, 511],
  ])('of %d bytes is %d', (size, zeros) => {
    expect(padding(size)).toBe(zeros);
  });
});

function writeEmpty(path: string): string {
  writeFileSync(path, '');
  return path;
}
