/** Which services of a compose file get an override, by what the engine knows of digests. docker-and-registries.md §2. */

import { describe, expect, it } from 'vitest';
import { composeOverride } from '../../src/install/activation/compose.ts';
import type { ReleaseDocument } from '../../src/manifest/index.ts';
import { type Digest, digestOf } from '../../src/oci/index.ts';

const [index, manifest, config, other] = ['index', 'manifest', 'config', 'other'].map((text) =>
  digestOf(Buffer.from(text)),
) as [Digest, Digest, Digest, Digest];
const SERVER = 'ghcr.io/atrium/server:1';

const releaseOf = (...names: string[]) =>
  ({ images: names.map((name) => ({ name, digest: index, platforms: [{ manifest }] })) }) as unknown as ReleaseDocument;

function override(image: string, { store = 'classic', id = config, names = [SERVER] } = {}): string | undefined {
  const imageIDs = new Map(names.map((name) => [name, id]));
  const compose = Buffer.from(`services:\n  web:\n    image: ${image}\n`);
  return composeOverride(compose, { release: releaseOf(...names), facts: { store: store as 'classic' }, imageIDs });
}

const instead = (name: string) => `services:\n  web:\n    image: ${name}\n    pull_policy: never\n`;
const synthetic = `ghcr.io/atrium/server:sha256-${index.slice('sha256:'.length)}`;

describe('composeOverride', () => {
  it.each([
    ['tag and digest', `${SERVER}@${index}`, [SERVER], SERVER],
    ['tag and the digest of the platform’s manifest', `${SERVER}@${manifest}`, [SERVER], SERVER],
    ['a digest alone, carried so', `ghcr.io/atrium/server@${index}`, [synthetic], synthetic],
    ['a digest alone, carried by a tag', `ghcr.io/atrium/server@${index}`, [SERVER], SERVER],
    ['another tag, which counts for nothing', `ghcr.io/atrium/server:9@${index}`, [SERVER], SERVER],
    ['its own tag among several', `${SERVER}@${index}`, ['ghcr.io/atrium/server:0', SERVER], SERVER],
  ])('names the tag for %s, where the classic store has forgotten digests', (_how, image, names, expected) => {
    expect(override(image, { names })).toBe(instead(expected));
    expect(override(image, { names, store: 'podman' })).toBe(instead(expected));
  });

  it.each([
    ['a tag alone', SERVER],
    ['a digest that was not carried', `${SERVER}@${other}`],
    ['an image of another repository', `ghcr.io/atrium/worker@${index}`],
    ['a variable', '$IMAGE'],
    ['an image without a registry', 'postgres:16'],
  ])('leaves %s alone', (_what, image) => {
    expect(override(image)).toBeUndefined();
  });

  it('leaves alone what a containerd store finds by its digest, and only that', () => {
    expect(override(`${SERVER}@${index}`, { store: 'containerd', id: index })).toBeUndefined();
    expect(override(`${SERVER}@${manifest}`, { store: 'containerd', id: index })).toBe(instead(SERVER));
    // 24.0 names the manifest
    expect(override(`${SERVER}@${index}`, { store: 'containerd', id: manifest })).toBe(instead(SERVER));
  });
});
