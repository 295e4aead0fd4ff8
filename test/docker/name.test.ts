// Names in an engine's spelling and in ours.
import { describe, expect, it } from 'vitest';
import { fullName, isSameName, parseImageID, splitName } from '../../src/docker/name.ts';

describe('fullName', () => {
  it.each([
    ['alpine:3', 'docker.io/library/alpine:3'],
    ['library/alpine:3', 'docker.io/library/alpine:3'],
    ['docker.io/alpine:3', 'docker.io/library/alpine:3'],
    ['index.docker.io/library/alpine:3', 'docker.io/library/alpine:3'],
    ['atrium/server:2', 'docker.io/atrium/server:2'],
    ['ghcr.io/atrium/server:2', 'ghcr.io/atrium/server:2'],
    ['127.0.0.1:5055/x:1', '127.0.0.1:5055/x:1'],
    ['localhost/x:1', 'localhost/x:1'],
    ['localhost:5000/x:1', 'localhost:5000/x:1'],
  ])('writes %s as %s', (engine, full) => {
    expect(fullName(engine)).toBe(full);
    expect(isSameName(engine, full)).toBe(true);
  });

  it('keeps different registries apart', () => {
    expect(isSameName('ghcr.io/library/alpine:3', 'alpine:3')).toBe(false);
  });
});

describe('splitName', () => {
  it('keeps a port with the repository', () => {
    expect(splitName('127.0.0.1:5055/a/b:1')).toEqual({ repo: '127.0.0.1:5055/a/b', tag: '1' });
  });
});

describe('parseImageID', () => {
  const hex = 'ab'.repeat(32);
  it('takes both spellings of engines, and nothing else', () => {
    expect(parseImageID(`sha256:${hex}`)).toBe(`sha256:${hex}`);
    expect(parseImageID(hex)).toBe(`sha256:${hex}`);
    for (const bad of ['', hex.slice(1), `sha512:${hex}`, undefined, 7]) expect(parseImageID(bad)).toBeUndefined();
  });
});
