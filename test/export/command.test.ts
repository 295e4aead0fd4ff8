// What an export promises to whoever types the command: the same bytes, the registry's lies refused, names as they are.
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openBundle } from '../../src/bundle/index.ts';
import { FERRY, type Ran, runFerry } from '../support/cli.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';
import { temporaryFolder } from '../support/workspaces.ts';

const NAME = 'ghcr.io/atrium/server:1';
const IMAGE = buildImage({ layers: [generatedLayer('base', 20_000), generatedLayer('server', 30_000)] });
const EPOCH = { SOURCE_DATE_EPOCH: '1795435200' };

interface Desk {
  readonly dir: string;
  readonly fake: FakeRegistry;
  readonly arguments: readonly string[];
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>;
}

/** A workspace, a manifest of one image of ghcr.io, and a mirror that has it below a prefix. */
async function desk(): Promise<Desk> {
  const dir = await temporaryFolder();
  const fake = await fakeRegistry();
  onTestFinished(() => fake.stop());
  fake.add('cache/ghcr/atrium/server', '1', IMAGE);
  const run = (args: readonly string[], env = {}) =>
    runFerry(args, { cwd: dir, env: { HOME: dir, FERRY_WORKSPACE: 'office', ...env } });
  const made = await run(['init', 'office', '--product', 'atrium', '--no-passphrase']);
  expect(made.status, made.stderr).toBe(0);
  await writeFile(join(dir, 'a.yaml'), `product: atrium\nrelease: "1"\nplatforms: [linux/amd64]\nimages: [${NAME}]\n`);
  const mirror = ['--mirror', `ghcr.io=${fake.host}/cache/ghcr`];
  return { dir, fake, run, arguments: ['export', 'a.yaml', '--out', 'out', ...mirror] };
}

describe('ferry export', () => {
  it('gives identical files in copied workspaces with SOURCE_DATE_EPOCH, whatever the clock', async () => {
    const { dir, run, ...office } = await desk();
    await cp(join(dir, 'office'), join(dir, 'copy'), { recursive: true });
    const one = await run(office.arguments, EPOCH);
    expect(one.status, one.stderr).toBe(0);
    const later = ['-f', '+90d', FERRY, ...office.arguments.with(3, 'later')];
    const env = { ...process.env, HOME: dir, FERRY_WORKSPACE: 'copy', ...EPOCH };
    const child = spawn('faketime', later, { cwd: dir, env, stdio: 'ignore' });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    const names = ['atrium-1-1-1.ferry.chunks.json', 'atrium-1-1-1.ferry.tar'];
    for (const folder of ['out', 'later']) expect((await readdir(join(dir, folder))).toSorted()).toEqual(names);
    for (const name of names) {
      expect((await readFile(join(dir, 'later', name))).equals(await readFile(join(dir, 'out', name)))).toBe(true);
    }
  });

  it('keeps the name of ghcr.io where a mirror with a prefix is asked, and nothing of the mirror', async () => {
    const { dir, run, fake, ...office } = await desk();
    const done = await run(office.arguments);
    expect(done.status, done.stderr).toBe(0);
    const path = join(dir, 'out/atrium-1-1-1.ferry.tar');
    const bundle = await openBundle(path);
    const json = async (name: string) => JSON.parse((await bundle.read(name, 100_000)).toString());
    const [index, manifests, release] = [
      await json('index.json'),
      await json('manifest.json'),
      await json('release.json'),
    ];
    await bundle.close();
    expect(index.manifests.map(({ annotations }: { annotations: object }) => annotations)).toEqual([
      { 'io.containerd.image.name': NAME, 'org.opencontainers.image.ref.name': NAME },
    ]);
    expect(manifests[0].RepoTags).toEqual([NAME]);
    expect(release.images[0].name).toBe(NAME);
    const tar = await readFile(path);
    for (const text of [fake.host, 'cache/ghcr']) expect(tar.includes(text)).toBe(false);
  });

  it.each([
    ['a layer', IMAGE.platforms[0]?.layers[1]?.descriptor.digest],
    ['a config', IMAGE.platforms[0]?.config.descriptor.digest],
  ])(
    'refuses wrong bytes of %s in one line with status 4, blames the registry, and leaves no bundle',
    async (_what, digest) => {
      const { dir, run, fake, ...office } = await desk();
      await mkdir(join(dir, 'out'));
      fake.rule({
        on: new RegExp(`GET .*/blobs/${digest}`),
        act: ({ response }) => {
          const wrong = Buffer.alloc(
            IMAGE.blobs.find((blob) => blob.descriptor.digest === digest)?.bytes.length ?? 0,
            'x',
          );
          response.writeHead(200, { 'content-length': wrong.length, 'docker-content-digest': digest });
          response.end(wrong);
        },
      });
      const { status, stdout, stderr } = await run(office.arguments);
      const lines = stderr
        .trimEnd()
        .split('\n')
        .filter((line) => /^ferry: (error|hint)/.test(line));
      expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
      expect(lines).toEqual([
        expect.stringMatching(
          new RegExp(
            `^ferry: error: fetch (blob|config) ${digest} of ghcr.io/atrium/server: expected ${digest}, got sha256:`,
          ),
        ),
        expect.stringContaining('the registry, or a proxy before it, sends damaged bytes'),
      ]);
      expect(stderr).not.toContain('    at ');
      expect(await readdir(join(dir, 'out'))).toEqual([]);
      const again = await run(office.arguments); // the lie was told once
      expect(again.status, again.stderr).toBe(0);
    },
  );
});
