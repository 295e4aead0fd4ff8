// What an image still needs, decided from what the engine holds.
import { describe, expect, it } from 'vitest';
import type { EngineFacts, Inventory } from '../../src/docker/index.ts';
import { expectedID, planImage, spaceNeeded, spoolNeeded, withImage } from '../../src/docker/index.ts';
import { makeImage } from '../support/images.ts';

const classic: EngineFacts = {
  ...{ socket: 'unix:///s', id: 'E', name: 'docker', version: '20.10.24', apiVersion: '1.41', store: 'classic' },
  ...{ rootless: false, platform: { os: 'linux', architecture: 'amd64' }, local: true },
};
const classic23: EngineFacts = { ...classic, apiVersion: '1.42' };
const containerd: EngineFacts = { ...classic, store: 'containerd', apiVersion: '1.52' };
const containerd24: EngineFacts = { ...containerd, apiVersion: '1.43' };
const podman: EngineFacts = { ...classic, store: 'podman', name: 'podman' };
const EMPTY: Inventory = { images: [], chainIDs: new Map(), blobs: new Map() };

const base = { files: { base: 'shared by both' } };
const middle = { files: { middle: 'shared too' } };
const a = makeImage({ name: 'ghcr.io/o/a:1', layers: [base, middle, { files: { a: '1' } }], index: true });
const b = makeImage({ name: 'ghcr.io/o/b:1', layers: [base, middle, { files: { b: '1' } }] });
/** The same layer as a's second, but on another base: another chainID. */
const moved = makeImage({ name: 'ghcr.io/o/c:1', layers: [{ files: { other: 'base' } }, middle] });

function having(facts: EngineFacts, ...images: (typeof a)[]): Inventory {
  return images.reduce((inventory, image) => withImage(inventory, image, expectedID(facts, image)), EMPTY);
}

describe('planImage', () => {
  it('sends every layer to an empty engine', () => {
    const plan = planImage(classic, EMPTY, a);
    expect(plan).toMatchObject({
      action: 'load',
      missing: a.platform.layers,
      bytes: a.layerBytes,
      lenders: [],
      tag: true,
    });
  });

  it('leaves out what another image lends, and names the lender', () => {
    const plan = planImage(classic, having(classic, a), b);
    expect(plan.missing).toEqual([b.platform.layers[2]]);
    expect(plan.lenders).toEqual([a.platform.config.digest]);
  });

  it('sends a layer again that stands on another base: the classic store knows chains, not layers', () => {
    expect(planImage(classic, having(classic, a), moved).missing).toEqual(moved.platform.layers);
  });

  it('leaves a blob out of the containerd store wherever it stands: that store knows blobs', () => {
    expect(planImage(containerd, having(containerd, a), moved).missing).toEqual([moved.platform.layers[0]]);
  });

  it('sends everything to podman and to the containerd store of 24.0, which take nothing less', () => {
    expect(planImage(podman, having(podman, a), b).missing).toEqual(b.platform.layers);
    expect(planImage(containerd24, having(containerd24, a), b).missing).toEqual(b.platform.layers);
  });

  it('finds an image that is there exactly, under whatever name', () => {
    expect(planImage(classic, having(classic, a), a)).toMatchObject({
      action: 'present',
      missing: [],
      bytes: 0,
      tag: false,
    });
    const renamed = { ...a, name: 'ghcr.io/o/other:9' };
    expect(planImage(classic, having(classic, a), renamed)).toMatchObject({ action: 'present', tag: true });
  });

  it('knows a name of the classic store in its short spelling', () => {
    const image = makeImage({ name: 'docker.io/library/alpine:3', layers: [base] });
    const { diffIDs, config } = image.platform;
    const there = { ...EMPTY, images: [{ id: config.digest, tags: ['alpine:3'], diffIDs }] };
    expect(planImage(classic, there, image).tag).toBe(false);
  });

  it('does not take an image with other diffIDs for the one it means', () => {
    const { config } = a.platform;
    const liar = { ...EMPTY, images: [{ id: config.digest, tags: [], diffIDs: b.platform.diffIDs }] };
    expect(planImage(classic, liar, a).action).toBe('load');
  });

  it('loads again what the containerd store has only in part', () => {
    const part = { id: a.target.digest, tags: [], diffIDs: a.platform.diffIDs, wholeManifests: new Set<string>() };
    expect(planImage(containerd, { ...EMPTY, images: [part] }, a).action).toBe('load');
  });

  it('expects the config digest as ID, in the containerd store the target, in that of 24.0 the manifest', () => {
    expect(planImage(classic, EMPTY, a).imageID).toBe(a.platform.config.digest);
    expect(planImage(containerd, EMPTY, a).imageID).toBe(a.target.digest);
    expect(planImage(containerd24, EMPTY, a).imageID).toBe(a.platform.manifest.digest);
  });

  it('makes zstd layers plain for engines before 23.0 alone', () => {
    const image = makeImage({ name: 'ghcr.io/o/z:1', layers: [base, { files: { z: '1' }, compression: 'zstd' }] });
    expect(planImage(classic, EMPTY, image).zstd).toEqual([image.platform.layers[1]]);
    for (const facts of [classic23, containerd, podman]) expect(planImage(facts, EMPTY, image).zstd).toEqual([]);
  });

  it('sends a layer once that an image has twice', () => {
    const image = makeImage({ name: 'ghcr.io/o/twice:1', layers: [base, middle, base] });
    expect(planImage(classic, EMPTY, image).missing).toHaveLength(2);
  });

  it('refuses an image for another architecture', () => {
    const arm = makeImage({ name: 'ghcr.io/o/arm:1', layers: [base], architecture: 'arm64' });
    const refusal = expect.objectContaining({
      code: 'WRONG_ARCHITECTURE',
      message: expect.stringContaining('linux/arm64'),
    });
    expect(() => planImage(classic, EMPTY, arm)).toThrow(refusal);
  });
});

describe('spaceNeeded', () => {
  const plans = [planImage(classic, EMPTY, a), planImage(classic, having(classic, a), b)];
  const unpacked = () => 1000;
  const [spoolA, spoolB] = plans.map(({ bytes }) => bytes) as [number, number];

  it('counts all unpacked layers and the largest spool on the classic store', () => {
    expect(spaceNeeded(classic, plans, unpacked)).toBe(4 * 1000 + Math.max(spoolA, spoolB));
  });

  it('counts blobs and unpacked layers in the containerd store', () => {
    expect(spaceNeeded(containerd, plans, unpacked)).toBe(4 * 1000 + spoolA + spoolB);
  });

  it('counts a layer made plain in the spool folder', () => {
    const image = makeImage({ name: 'ghcr.io/o/z:1', layers: [{ files: { z: '1' }, compression: 'zstd' }] });
    expect(spoolNeeded([planImage(classic, EMPTY, image)], unpacked)).toBe(1000);
    expect(spoolNeeded(plans, unpacked)).toBe(0);
    expect(spoolNeeded([], unpacked)).toBe(0);
  });
});
