/** How time and memory grow with the number of images and with bytes, from a registry that makes its blobs as it serves. */
import { mkdirSync, rmSync } from 'node:fs';
import { fakeRegistry, generatedBlob } from '../test/support/fake-registry.ts';
import { buildImage, layerTar } from '../test/support/registry.ts';
import { content } from '../test/support/registry-images.ts';
import { runOnce } from './measure.ts';
import type { Setting } from './setting.ts';
import { writeManifest } from './setting.ts';

/** One measurement; the table shows how seconds per unit change. */
export interface Growth {
  readonly what: string;
  readonly units: number;
  readonly seconds: number;
  readonly peakMiB: number;
}

const GB = 1e9;

export async function benchGrowth(setting: Setting, sizesGB: readonly number[]): Promise<Growth[]> {
  const results: Growth[] = [];
  for (const count of [10, 100, 1000]) results.push(await manyImages(setting, count));
  for (const size of [0.2, ...sizesGB]) results.push(await manyBytes(setting, size));
  return results;
}

async function manyImages(setting: Setting, count: number): Promise<Growth> {
  const registry = await fakeRegistry();
  const references = Array.from({ length: count }, (_, i) => {
    registry.add(`many/i${i}`, '1', buildImage({ layers: [layerTar({ [`app/${i}`]: `${i}` })] }));
    return `${registry.host}/many/i${i}:1`;
  });
  const measured = await measure(setting, `many${count}`, references);
  await registry.stop();
  return { what: `${count} small images`, units: count, ...measured };
}

/** Eight layers of equal size; their diffIDs are those of plain tars, for nothing reads inside. */
async function manyBytes(setting: Setting, size: number): Promise<Growth> {
  const registry = await fakeRegistry();
  const layers = Array.from({ length: 8 }, (_, i) => generatedBlob(`${size} ${i}`, Math.round((size * GB) / 8)));
  const config = json('application/vnd.oci.image.config.v1+json', {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = json(type, {
    schemaVersion: 2,
    mediaType: type,
    config: config.descriptor,
    layers: layers.map(({ mediaType, digest, size: bytes }) => ({ mediaType, digest, size: bytes })),
  });
  for (const layer of layers) registry.put('big/one', layer);
  for (const [document, tag] of [[config], [manifest, '1']] as const) {
    const { bytes, descriptor } = document;
    registry.put('big/one', { ...descriptor, read: (start, end) => bytes.subarray(start, end) }, tag);
  }
  const measured = await measure(setting, `big${String(size).replace('.', '-')}`, [`${registry.host}/big/one:1`]);
  await registry.stop();
  return { what: `${size} GB`, units: size, ...measured };
}

const json = (mediaType: string, value: unknown) => content(mediaType, Buffer.from(JSON.stringify(value)));

async function measure(setting: Setting, name: string, references: readonly string[]) {
  const out = setting.path('out', name);
  mkdirSync(out);
  const command = setting.ferry('export', writeManifest(setting, name, references), '--out', out);
  const measured = await runOnce(command);
  rmSync(out, { recursive: true });
  return measured;
}
