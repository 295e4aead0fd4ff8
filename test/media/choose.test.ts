import { describe, expect, it } from 'vitest';
import { chooseTars } from '../../src/media/choose.ts';
import { executableName, executablesOf } from '../../src/media/executables.ts';
import { sumsText } from '../../src/media/sums.ts';
import type { Tar } from '../../src/media/tars.ts';
import { digestOf } from '../../src/oci/index.ts';

function tar(name: string, more: Partial<Tar> & { sequence?: number }): Tar {
  const { sequence, ...rest } = more;
  const release = sequence === undefined ? {} : { release: { sequence } as Tar['release'] };
  return {
    path: `/stick/${name}`,
    size: 1,
    product: 'demo',
    catalogue: 1,
    chain: {} as never,
    ...release,
    ...rest,
  } as Tar;
}

const release = (sequence: number, catalogue = sequence) =>
  tar(`release-${sequence}`, { kind: 'release', sequence, catalogue });
const overlay = (site: string, catalogue: number) => tar(`${site}-${catalogue}`, { kind: 'overlay', site, catalogue });
const catalogue = (number: number) => tar(`catalogue-${number}`, { kind: 'catalogue', catalogue: number });
const names = (tars: readonly Tar[]) => tars.map(({ path }) => path.replace('/stick/', ''));

describe('of what lies on a stick', () => {
  it('the newest release by number, not by text, and of each site the newest overlay', () => {
    const {
      release: one,
      overlays,
      former,
    } = chooseTars([], [release(9), release(10), overlay('bb', 9), overlay('bb', 10), overlay('aa', 9)]);
    expect(one?.path).toBe('/stick/release-10');
    expect(names(overlays)).toEqual(['aa-9', 'bb-10']);
    expect(names(former)).toEqual(['release-9', 'bb-9']);
  });

  it('of one release the one with the newest catalogue', () => {
    const { release: one } = chooseTars([], [tar('a', { kind: 'release', sequence: 3, catalogue: 4 }), release(3, 11)]);
    expect(one?.catalogue).toBe(11);
  });

  it('a catalogue only when it is newer than that of the release', () => {
    expect(chooseTars([], [release(3, 5), catalogue(5)]).catalogue).toBeUndefined();
    expect(chooseTars([], [release(3, 5), catalogue(6), catalogue(4)]).catalogue?.catalogue).toBe(6);
  });

  it('an overlay or a catalogue alone is a kit too', () => {
    expect(names(chooseTars([], [overlay('aa', 1)]).overlays)).toEqual(['aa-1']);
    expect(chooseTars([], [catalogue(1)]).catalogue).toBeDefined();
  });
});

describe('what was named', () => {
  it('stays before what lies there; a newer one that goes is told of', () => {
    const choice = chooseTars([release(2)], [release(3)]);
    expect(choice.release?.path).toBe('/stick/release-2');
    expect(names(choice.former)).toEqual(['release-3']);
    expect(choice.warnings).toEqual(['release-3 is newer than what was named, and goes to older/ all the same']);
  });

  it('goes with the release that lies there', () => {
    const choice = chooseTars([overlay('aa', 4)], [release(2)]);
    expect(choice.release?.path).toBe('/stick/release-2');
    expect(names(choice.overlays)).toEqual(['aa-4']);
    expect(choice.former).toEqual([]);
  });

  it('and left out is told of', () => {
    expect(chooseTars([release(2, 7), catalogue(5)], []).warnings).toEqual([
      'catalogue-5 is left out: a newer one of its kind comes along',
    ]);
  });
});

describe('executableName', () => {
  it.each([
    ['linux/amd64', 'ferry-linux-x64'],
    ['linux/arm64', 'ferry-linux-arm64'],
    ['linux/arm/v7', 'ferry-linux-arm-v7'],
    ['windows/amd64', 'ferry-win-x64.exe'],
    ['linux/../../etc', 'ferry-linux-__-__-etc'],
    ['linux/a b\u202e', 'ferry-linux-a_b_'],
  ])('of %s is %s', (platform, name) => {
    expect(executableName(platform)).toBe(name);
  });

  it('is one for each platform', () => {
    const digest = digestOf(Buffer.from('x'));
    const of = (name: string) => ({
      name,
      digest,
      size: 1,
      mode: '0755',
      ferry: { version: '1.0.0', platform: 'linux/amd64' },
    });
    expect(() => executablesOf({ files: [of('a'), of('b')] })).toThrow('two');
  });
});

describe('sumsText', () => {
  it('is sorted by name, as sha256sum writes it', () => {
    const sha256 = 'a'.repeat(64);
    expect(
      sumsText([
        { name: 'b', sha256 },
        { name: 'B', sha256 },
      ]),
    ).toBe(`${sha256}  B\n${sha256}  b\n`);
  });
});
