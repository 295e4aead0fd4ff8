import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundleName, formatReference, parseReference } from '../../src/oci/index.ts';

const HEX = 'ab'.repeat(32);

const GOOD = [
  ['ghcr.io/atrium/server:2.1.0', { registry: 'ghcr.io', repository: 'atrium/server', tag: '2.1.0' }],
  ['127.0.0.1:5055/a:1', { registry: '127.0.0.1:5055', repository: 'a', tag: '1' }],
  ['localhost/a/b/c:x', { registry: 'localhost', repository: 'a/b/c', tag: 'x' }],
  ['[::1]:5000/a:1', { registry: '[::1]:5000', repository: 'a', tag: '1' }],
  ['ghcr.io/my__img/a-b.c:_1', { registry: 'ghcr.io', repository: 'my__img/a-b.c', tag: '_1' }],
  [`ghcr.io/a/b@sha256:${HEX}`, { registry: 'ghcr.io', repository: 'a/b', digest: `sha256:${HEX}` }],
  [`ghcr.io/a/b:1@sha256:${HEX}`, { registry: 'ghcr.io', repository: 'a/b', tag: '1', digest: `sha256:${HEX}` }],
] as const;

const BAD = [
  ['alpine:3', 'no registry: Docker Hub is never meant'],
  ['library/alpine:3', 'a first component without dot or port is no host'],
  ['ghcr.io/a/b', 'neither tag nor digest'],
  ['ghcr.io/A/b:1', 'upper case in the repository'],
  ['ghcr.io/a//b:1', 'an empty component'],
  ['ghcr.io/a/../b:1', 'a path that climbs'],
  ['ghcr.io/a:', 'an empty tag'],
  [`ghcr.io/a:${'x'.repeat(129)}`, 'a tag of 129'],
  [`ghcr.io/${'a'.repeat(256)}:1`, 'a repository of 256'],
  ['ghcr.io/a@sha256:AB', 'a digest in other form'],
  [`ghcr.io/a@sha512:${HEX}${HEX}`, 'another algorithm'],
  [`ghcr.io/a@sha256:${HEX}@sha256:${HEX}`, 'two digests'],
  ['https://ghcr.io/a:1', 'a URL'],
  [' ghcr.io/a:1', 'white space'],
  ['', 'nothing'],
] as const;

describe('parseReference', () => {
  it.each(GOOD)('reads %s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
    expect(formatReference(parseReference(text))).toBe(text);
  });

  it.each(BAD)('refuses %j: %s', (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
  });

  it('never fails with anything but its own error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(formatReference(parseReference(text))).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'REFERENCE_INVALID' });
        }
      }),
    );
  });
});

describe('bundleName', () => {
  it('leaves the digest out', () => {
    expect(bundleName(parseReference(`ghcr.io/a/b:1@sha256:${HEX}`))).toBe('ghcr.io/a/b:1');
  });

  it('gives an image that is named by digest alone a tag', () => {
    expect(bundleName(parseReference(`ghcr.io/a/b@sha256:${HEX}`))).toBe(`ghcr.io/a/b:sha256-${HEX}`);
  });
});
