// The executable on a host that has Docker and nothing else: the whole loop, office and site, without a Node.js.
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/cli/version.ts';
import { jsonResult } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { builtFerry } from '../support/executable.ts';
import { type MinimalDebian, minimalDebian } from '../support/minimal-debian.ts';
import { generatedLayer, pushBusybox, pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';

/** Two layers of this size are enough for `verify` to start a second thread. */
const LARGE = 32 * 1024 * 1024;

let ferry: string;
let dir: string;
let host: MinimalDebian;
let engine: TestEngine;
let registry: TestRegistry;

beforeAll(async () => {
  [ferry, host, registry, dir] = await Promise.all([
    builtFerry(),
    minimalDebian(),
    startRegistry(),
    mkdtemp(join(tmpdir(), 'ferry-minimal-')),
  ]);
  engine = await startEngine({ args: ['-H', `unix://${host.root}/run/docker.sock`] });
  await copyFile(ferry, join(host.root, 'usr/bin/ferry'));
  // systemd runs the host, as far as a program is asked for it
  await mkdir(join(host.root, 'run/systemd/system'), { recursive: true });
  await writeFile(join(host.root, 'usr/bin/systemctl'), '#!/bin/sh\necho "$@" >>/asked\n', { mode: 0o755 });
  await office();
}, 300_000);

afterAll(async () => {
  await Promise.all([engine?.stop(), registry?.stop()]);
  await host?.remove();
  await rm(dir, { recursive: true, force: true });
});

/** Runs the executable at the office. */
function atOffice(...args: string[]): Record<string, unknown> {
  const env = { PATH: '/usr/bin:/bin', HOME: dir, FERRY_WORKSPACE: 'office' };
  const { stdout, stderr } = spawnSync(ferry, [...args, '--json'], { cwd: dir, env, encoding: 'utf8' });
  const result = jsonResult({ status: 0, stdout, stderr });
  expect({ args, result }).toMatchObject({ result: { event: 'result' } });
  return result;
}

/** Two releases of two images, one of them large, onto the medium. */
async function office(): Promise<void> {
  const layers = ['one', 'two'].map((seed) => ({ bytes: generatedLayer(seed, LARGE), compression: 'none' as const }));
  await pushImage(registry, { repository: 'demo/data', tag: '1', layers });
  atOffice('init', 'office', '--product', 'demo', '--no-passphrase');
  const medium = join(host.root, 'mnt');
  await copyFile(join(dir, 'office/root.json'), join(medium, 'root.json'));
  for (const release of ['1', '2']) {
    await pushBusybox(registry, { repository: 'demo/app', tag: release, files: { motd: `release ${release}\n` } });
    await mkdir(join(dir, release));
    await writeFile(join(dir, release, 'app.conf'), `release ${release}\n`);
    const images = [`${registry.host}/demo/app:${release}`, `${registry.host}/demo/data:1`];
    const files = [{ from: `${release}/app.conf`, install: '/etc/demo/app.conf' }];
    // the second one brings the executable itself
    const own = release === '2' ? { ferry: [{ from: ferry, platform: 'linux/amd64' }] } : {};
    const manifest = { product: 'demo', release, platforms: ['linux/amd64'], images, files, ...own };
    await writeFile(join(dir, `${release}.yaml`), JSON.stringify(manifest));
    const { bundle } = atOffice('export', `${release}.yaml`, '--out', medium) as { bundle: string };
    bundles.push(`/mnt/${basename(bundle)}`);
  }
}

const bundles: string[] = [];

/** Runs ferry on the host. */
async function ferryThere(...args: string[]): Promise<Record<string, unknown>> {
  const ran = await host.run('ferry', ...args, '--json');
  expect({ args, status: ran.status, stderr: ran.status === 0 ? '' : ran.stderr + ran.stdout }).toMatchObject({
    status: 0,
  });
  return jsonResult(ran);
}

const configThere = () => readFile(join(host.root, 'etc/demo/app.conf'), 'utf8');

describe('on a minimal Debian', () => {
  it('there is no Node.js, no npm, no libatomic, and every library that the executable wants', async () => {
    const found = await host.run('find', '/', '-xdev', '-regex', '.*/\\(node\\|nodejs\\|npm\\|libatomic.*\\)');
    expect(found).toEqual({ status: 0, stdout: '', stderr: '' });
    const { status, stdout } = await host.run('ldd', '/usr/bin/ferry');
    expect(status).toBe(0);
    expect(stdout).toContain('libc.so.6');
    expect(stdout).not.toContain('not found');
  });

  it('the executable starts, and completes for its shell', async () => {
    expect(await host.run('ferry', '--version')).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: '' });
    const completed = 'source <(ferry completion bash); COMP_WORDS=(ferry ro); COMP_CWORD=1; _ferry; echo "$COMPREPLY"';
    expect(await host.run('bash', '-c', completed)).toEqual({ status: 0, stdout: 'rollback\n', stderr: '' });
  });

  it('trust, verify with threads, import, status, and rollback', async () => {
    const [one = '', two = ''] = bundles;
    // the approval sheet came another way
    const sum = spawnSync('sha256sum', [join(dir, 'office/root.json')], { encoding: 'utf8' }).stdout.slice(0, 64);
    await ferryThere('trust', '/mnt/root.json', '--fingerprint', sum);
    await ferryThere('verify', two);
    expect(await ferryThere('import', one, '--yes')).toMatchObject({ action: 'installed' });
    expect(await configThere()).toBe('release 1\n');
    expect(await ferryThere('import', two, '--yes')).toMatchObject({ action: 'installed' });
    expect(await configThere()).toBe('release 2\n');
    expect(await ferryThere('status')).toMatchObject({ attention: [] });
    await ferryThere('rollback', '--yes');
    expect(await configThere()).toBe('release 1\n');
    expect(await engine.docker('run', '--rm', '--network=none', `${registry.host}/demo/app:1`, 'cat', '/motd')).toBe(
      'release 1',
    );
  });

  it('the executable has installed itself, and the unit that recovers at boot', async () => {
    expect(await readlink(join(host.root, 'usr/bin/ferry'))).toBe(`../local/lib/ferry/${VERSION}/ferry`);
    expect((await host.run('ferry', '--version')).stdout).toBe(`${VERSION}\n`);
    expect(await ferryThere('status')).toMatchObject({
      ferry: { version: VERSION, path: `/usr/local/lib/ferry/${VERSION}/ferry` },
      attention: [],
    });
    const unit = await readFile(join(host.root, 'etc/systemd/system/ferry-recover.service'), 'utf8');
    expect(unit).toMatch(/^ExecStart=\/usr\/bin\/ferry recover --state \/var\/lib\/ferry$/m);
    expect(await readFile(join(host.root, 'asked'), 'utf8')).toBe('daemon-reload\nenable ferry-recover.service\n');
  });

  it('leaves nothing mounted', async () => {
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(host.root);
    expect(await readdir(join(host.root, 'proc'))).toEqual([]);
  });
});
