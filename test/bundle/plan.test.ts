import { describe, expect, it } from 'vitest';
import { planBundle } from '../../src/bundle/index.ts';
import { readKind } from '../../src/bundle/names.ts';
import type { Digest } from '../../src/oci/index.ts';
import { closureOf, standInChain, testBundle } from '../support/bundles.ts';
import { buildImage, generatedLayer, sha256 } from '../support/registry-images.ts';

const base = generatedLayer('base');
const blob = (digest: Digest | undefined) => digest?.replace('sha256:', 'blobs/sha256/');

describe('planBundle', () => {
  it('places every kind of entry in the order of the format', async () => {
    const image = buildImage({ layers: [base] });
    const { plan } = await testBundle({
      images: { 'ghcr.io/a/x:1': image },
      files: { 'compose.yaml': Buffer.from('a'), 'z.txt': Buffer.from('b'), 'b.txt': Buffer.from('c') },
      sites: { any: { 'license.blob': Buffer.from('d') } },
    });
    const [platform] = image.platforms;
    expect(plan.kind).toBe('release');
    expect(plan.entries.map(({ name }) => name)).toEqual([
      'tuf/1.root.json',
      'tuf/2.root.json',
      'tuf/timestamp.json',
      'tuf/8.snapshot.json',
      'tuf/9.targets.json',
      'release.json',
      'oci-layout',
      'index.json',
      'manifest.json',
      'files/compose.yaml',
      'files/z.txt',
      'files/b.txt',
      'sites/any/site-files.json',
      'sites/any/license.blob',
      blob(platform?.manifest.descriptor.digest),
      blob(platform?.config.descriptor.digest),
      blob(platform?.layers[0]?.descriptor.digest),
    ]);
  });

  it('carries a blob that two images share once, where the first of them has it', async () => {
    const { plan } = await testBundle({
      images: {
        'ghcr.io/a/x:1': buildImage({ layers: [base, generatedLayer('x')] }),
        'ghcr.io/a/y:1': buildImage({ layers: [base, generatedLayer('y')] }),
        'ghcr.io/a/y:again': buildImage({ layers: [base, generatedLayer('y')] }),
      },
    });
    const blobs = plan.entries.flatMap(({ source }) =>
      source.kind === 'blob' ? [`${source.part} of ${source.image}`] : [],
    );
    expect(blobs).toEqual([
      'layer 1 of 2 of ghcr.io/a/x:1',
      'layer 2 of 2 of ghcr.io/a/x:1',
      'layer 2 of 2 of ghcr.io/a/y:1',
    ]);
  });

  it('puts index, manifests, configs and attestations of an image before its layers', async () => {
    const platforms = ['linux/amd64', 'linux/arm64'];
    const image = buildImage({ platforms, attestations: true, layers: [base] });
    const { plan } = await testBundle({ images: { 'ghcr.io/a/x:1': image }, platforms });
    const kinds = plan.entries.slice(9).map(({ source }) => (source.kind === 'blob' ? source.part : source.kind));
    // index, two manifests, two configs, two attestation manifests and their configs
    expect(kinds.slice(0, 9)).toEqual(Array(9).fill('bytes'));
    expect(kinds.slice(9)).toEqual(['attestation', 'attestation', 'layer 1 of 2', 'layer 2 of 2', 'layer 2 of 2']);
  });

  it('makes an overlay of one site, and a catalogue of trust metadata alone', async () => {
    const { parts } = await testBundle({ sites: { '0123456789abcdef': { 'tls.key.age': Buffer.from('x') } } });
    const { chain, sites = [] } = parts;
    expect(planBundle({ chain, sites }).kind).toBe('overlay');
    expect(planBundle({ chain }).kind).toBe('catalogue');
    expect(planBundle({ chain }).entries).toHaveLength(5);
  });

  it('has the kind that a reader finds', async () => {
    const { parts, plan } = await testBundle({ files: { a: Buffer.from('a') }, sites: { any: {} } });
    for (const each of [
      plan,
      planBundle({ chain: parts.chain }),
      planBundle({ chain: parts.chain, sites: parts.sites ?? [] }),
    ]) {
      expect(readKind(each.entries).kind).toBe(each.kind);
    }
  });

  it('says where the trust metadata ends', async () => {
    const { plan } = await testBundle();
    expect(plan.entries.find(({ headerOffset }) => headerOffset === plan.tufSize)?.name).toBe('release.json');
    const catalogue = planBundle({ chain: standInChain() });
    expect(catalogue.tufSize).toBe(catalogue.size - 1024);
  });

  const file = (name: string) => ({ name, size: 1, digest: sha256(Buffer.from(name)) });
  const release = Buffer.from('{}');
  const site = (id: string, names: readonly string[]) => ({
    site: id,
    document: Buffer.from('{}'),
    files: names.map(file),
  });
  it.each([
    ['two files of one name', { release, files: [file('a'), file('a')] }],
    ['a file named with a folder', { release, files: [file('a/b')] }],
    ['a file named ..', { release, files: [file('..')] }],
    ['a name of 74 characters', { release, files: [file('a'.repeat(74))] }],
    ["a site's file named as its document", { release, sites: [site('any', ['site-files.json'])] }],
    ['a site that is no siteID', { release, sites: [site('ANY', [])] }],
    ['one site twice', { release, sites: [site('any', []), site('any', [])] }],
    ['files without a release', { files: [file('a')] }],
    ['an overlay of two sites', { sites: [site('any', []), site('0123456789abcdef', [])] }],
  ])('refuses %s', (_what, parts) => {
    expect(() => planBundle({ chain: standInChain(), ...parts })).toThrow(
      expect.objectContaining({ code: 'PLAN_INVALID' }),
    );
  });

  it('refuses two images of one name', async () => {
    const image = await closureOf('ghcr.io/a/x:1', buildImage());
    expect(() => planBundle({ chain: standInChain(), release, images: [image, image] })).toThrow(/ghcr.io\/a\/x:1/);
  });

  it('refuses a blob that two images have in two sizes', async () => {
    const image = await closureOf('ghcr.io/a/x:1', buildImage());
    const [first, ...rest] = image.blobs;
    if (first === undefined) throw new Error('expected a blob');
    const other = { ...image, name: 'ghcr.io/a/y:1', blobs: [{ ...first, size: first.size + 1 }, ...rest] };
    expect(() => planBundle({ chain: standInChain(), release, images: [image, other] })).toThrow(/one size/);
  });

  it('refuses metadata without a version', () => {
    const chain = { ...standInChain(), snapshot: Buffer.from('{"signed":{"version":"1"}}') };
    expect(() => planBundle({ chain })).toThrow(expect.objectContaining({ code: 'PLAN_INVALID' }));
  });
});
