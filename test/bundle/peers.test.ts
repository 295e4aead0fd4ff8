// What others make of our tar, each with the real tool (FORMAT §1, "Who else can read it").
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder, testBundle, writeTestBundle } from '../support/bundles.ts';
import { startContainerd } from '../support/containerd.ts';
import { startEngine } from '../support/engine.ts';
import { haveSchemas, schemaErrors } from '../support/oci-schemas.ts';
import { buildImage, busyboxLayer, generatedLayer } from '../support/registry-images.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const ONE = 'ghcr.io/ferry/one:1.0';
const TWO = 'ghcr.io/ferry/two:2.0';
const base = busyboxLayer();
const config = { Cmd: ['/bin/echo', 'it runs'] };
const one = buildImage({ layers: [base, generatedLayer('one')], attestations: true, config });
const two = buildImage({ layers: [base, generatedLayer('two')], config });
const docker = buildImage({ layers: [base], mediaTypes: 'docker', config });

let alone: string;
let several: string;
let dockers: string;

beforeAll(async () => {
  const make = async (name: string, images: Parameters<typeof testBundle>[0]) =>
    writeTestBundle(folder.path, await testBundle(images), name);
  const beside = { files: { 'compose.yaml': Buffer.from('services: {}\n') }, sites: { any: { a: Buffer.from('a') } } };
  alone = await make('one-1-1-7.ferry.tar', { images: { [TWO]: two }, ...beside });
  several = await make('several-1-1-7.ferry.tar', { images: { [ONE]: one, [TWO]: two }, ...beside });
  dockers = await make('docker-1-1-7.ferry.tar', { images: { [ONE]: docker, [TWO]: two }, ...beside });
});

describe('skopeo', () => {
  const manifestOf = (where: string) =>
    execFileSync('skopeo', ['--insecure-policy', 'inspect', '--raw', `oci-archive:${where}`], { stdio: 'pipe' });

  it('takes the only image of a bundle without being told its name', () => {
    expect(manifestOf(alone)).toEqual(two.target.bytes);
  });

  it('finds each of several by its name, and copies it with every layer', () => {
    expect(manifestOf(`${several}:${ONE}`)).toEqual(one.target.bytes);
    const to = join(folder.path, 'copied');
    run('skopeo', ['--insecure-policy', 'copy', '--quiet', `oci-archive:${several}:${TWO}`, `dir:${to}`]);
    const [platform] = two.platforms;
    for (const { descriptor, bytes } of platform?.layers ?? []) {
      expect(readFileSync(join(to, descriptor.digest.slice('sha256:'.length))).equals(bytes)).toBe(true);
    }
  });

  it("takes an image of Docker's media types from docker-archive by its name", () => {
    const where = `docker-archive:${dockers}:${ONE}`;
    const inspected = JSON.parse(run('skopeo', ['--insecure-policy', 'inspect', '--config', where]));
    expect(inspected.rootfs.diff_ids).toEqual(docker.platforms[0]?.diffIDs);
  });
});

describe('umoci', () => {
  it('lists and unpacks the images of a bundle that GNU tar has extracted', () => {
    const layout = join(folder.path, 'layout');
    mkdirSync(layout);
    run('tar', ['-C', layout, '-xf', several]);
    expect(run('umoci', ['ls', '--layout', layout]).trim().split('\n')).toEqual([ONE, TWO]);
    const unpacked = join(folder.path, 'unpacked');
    run('umoci', ['unpack', '--rootless', '--image', `${layout}:${TWO}`, unpacked]);
    expect(readdirSync(join(unpacked, 'rootfs'))).toEqual(['bin', 'data', 'etc', 'tmp']);
    expect(readFileSync(join(unpacked, 'rootfs/bin/busybox')).equals(readFileSync('/bin/busybox'))).toBe(true);
  });
});

describe('ctr image import', () => {
  it("imports every image under its full name, with the registry's digest", async () => {
    const containerd = await startContainerd();
    try {
      containerd.ctr('images', 'import', several);
      const lines = containerd.ctr('images', 'ls').trim().split('\n').slice(1);
      const found = lines.map((line) => line.split(/\s+/).slice(0, 3));
      expect(found).toEqual([
        [ONE, one.target.descriptor.mediaType, one.target.descriptor.digest],
        [TWO, two.target.descriptor.mediaType, two.target.descriptor.digest],
      ]);
      expect(containerd.ctr('images', 'check', `name==${TWO}`)).toMatch(/complete \(3\/3\).* true$/m);
    } finally {
      await containerd.stop();
    }
  });
});

describe('docker load', () => {
  it('loads every image under its name, and they run', async () => {
    const engine = await startEngine();
    try {
      for (const [path, first] of [[several, one] as const, [dockers, docker] as const]) {
        await engine.docker('load', '-i', path);
        const id = await engine.docker('inspect', '--format', '{{.Id}}', ONE);
        expect(id).toBe(first.platforms[0]?.config.descriptor.digest);
        expect(await engine.docker('run', '--rm', '--network=none', TWO)).toBe('it runs');
      }
    } finally {
      await engine.stop();
    }
  });
});

describe.runIf(haveSchemas)('the official JSON schemas', () => {
  it('take every document of a bundle', async () => {
    const { plan } = await testBundle({ images: { [ONE]: one, [TWO]: two } });
    const schemas: Readonly<Record<string, string>> = {
      'oci-layout': 'image-layout-schema.json',
      'index.json': 'image-index-schema.json',
      'application/vnd.oci.image.index.v1+json': 'image-index-schema.json',
      'application/vnd.oci.image.manifest.v1+json': 'image-manifest-schema.json',
    };
    const documents = plan.entries.flatMap(({ name, source }) =>
      source.kind === 'bytes' ? [[name, source.bytes] as const] : [],
    );
    const judged = documents.flatMap(([name, bytes]) => {
      const document = JSON.parse(Buffer.from(bytes).toString());
      const schema = schemas[name] ?? schemas[document.mediaType];
      return schema === undefined ? [] : [schemaErrors(schema, document)];
    });
    // oci-layout, index.json; the index, manifest and attestation of one; the manifest of the other
    expect(judged).toEqual(Array(6).fill(''));
  });
});

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });
}
