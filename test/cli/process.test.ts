// bin/ferry as a process: how it is found, started, interrupted, and what it leaves on its streams; the whole loop once.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BUILD_TIME } from '../../src/cli/version.ts';
import { testBundle, writeTestBundle } from '../support/bundles.ts';
import { FERRY, jsonResult, runFerry, startFerry } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { asNobody } from '../support/nobody.ts';
import { buildImage, generatedLayer, pushBusybox, startRegistry, type TestRegistry } from '../support/registry.ts';
import { atTerminal } from '../support/terminal.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-process-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

describe('bin/ferry', () => {
  it('finds its checkout through links, from any folder', async () => {
    await symlink(FERRY, join(dir, 'one'));
    await symlink('one', join(dir, 'two'));
    const { status, stdout, stderr } = spawnSync('./two', ['--version'], { cwd: dir, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it('says in one line what to run when the checkout has no packages', async () => {
    await mkdir(join(dir, 'bin'));
    await copyFile(FERRY, join(dir, 'bin/ferry'));
    const { status, stderr } = spawnSync(join(dir, 'bin/ferry'), ['--version'], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `ferry: error: this checkout has no Node.js yet: run \`npm ci\` in ${dir}\n`,
    });
  });

  it('names itself in the unit for the boot, however it was found', async () => {
    await symlink(FERRY, join(dir, 'link'));
    const { stdout } = spawnSync('./link', ['recover', '--boot-unit'], { cwd: dir, encoding: 'utf8', env: {} });
    expect(stdout).toContain(`\nExecStart=${FERRY} recover --state /var/lib/ferry\n`);
  });

  it('loads no room for --version and --help', () => {
    const rooms = new RegExp(`${ROOT}src/(?!cli/|errors)[a-z]+/`);
    for (const option of ['--version', '--help']) {
      const traced = spawnSync('strace', ['-f', '-qq', '-e', 'trace=openat', FERRY, option], { encoding: 'utf8' });
      expect(traced.status).toBe(0);
      expect(traced.stderr).toContain(`${ROOT}src/cli/main.ts`);
      expect(traced.stderr.split('\n').filter((line) => rooms.test(line))).toEqual([]);
    }
  });

  it('is quiet when the reader of stdout goes away', () => {
    const script = `"${FERRY}" --help | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });

  it('was built on the day of the newest entry of CHANGELOG.md', async () => {
    const [, version, day] = /^## (\S+) \((\S+)\)$/m.exec(await readFile(join(ROOT, 'CHANGELOG.md'), 'utf8')) ?? [];
    expect({ version, day }).toEqual({ version: '0.1.0', day: BUILD_TIME.toISOString().slice(0, 10) });
  });

  it('does not show a passphrase on the terminal that it asks on', async () => {
    // The two differ, so no key is made.
    const said = await atTerminal(`${FERRY} init ${join(dir, 'office')} --product demo`, [
      ["passphrase for the workspace's keys: ", 'open sesame\r'],
      ['the same again: ', 'open says me\r'],
    ]);
    expect(said).toContain('the two differ');
    expect(said).not.toContain('sesame');
    expect(said).not.toContain('says');
  });

  it('takes Ctrl-D at a question for no answer, and Ctrl-C for an interruption', async () => {
    const command = `${FERRY} init ${join(dir, 'office')} --product demo`;
    const question = "passphrase for the workspace's keys: ";
    expect(await atTerminal(command, [[question, '\x04']])).toMatch(/the terminal was closed\r\nferry: hint:/);
    expect(await atTerminal(command, [[question, '\x03']])).toMatch(
      /ferry: error: stopped\r\nferry: hint: nothing was changed/,
    );
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  /** An export whose one layer does not come at the first asking. */
  async function stuckExport() {
    const registry = await fakeRegistry();
    const image = buildImage({ layers: [generatedLayer('stuck', 200_000)] });
    const layer = image.platforms[0]?.layers[0]?.descriptor.digest ?? '';
    registry.add('demo/app', '1', image);
    const stuck = new Promise<void>((resolve) => registry.rule({ on: new RegExp(layer), act: () => resolve() }));
    const text = `product: demo\nrelease: "1"\nplatforms: [linux/amd64]\nimages:\n  - ${registry.host}/demo/app:1\n`;
    await writeFile(join(dir, 'demo.yaml'), text);
    await runFerry(['init', 'office', '--product', 'demo', '--no-passphrase'], { cwd: dir });
    await mkdir(join(dir, 'stick'));
    const args = ['export', 'demo.yaml', '--out', 'stick', '--workspace', 'office'];
    return { registry, stuck, start: (...more: string[]) => startFerry([...args, ...more], { cwd: dir }) };
  }

  it('stops an export with status 130, says what is kept, and leaves nothing on the stick', async () => {
    const { registry, stuck, start } = await stuckExport();
    const ferry = start();
    await stuck;
    ferry.kill('SIGINT');
    const { status, stdout, stderr } = await ferry.ended;
    expect({ status, stdout }).toEqual({ status: 130, stdout: '' });
    expect(stderr).toMatch(
      /\nferry: stopping, Ctrl-C again ends at once\nferry: error: stopped\nferry: hint: what was pulled is kept in .*: the same command goes on from there, --fresh starts over\n$/,
    );
    expect(await readdir(join(dir, 'stick'))).toEqual([]);
    await registry.stop();
  });

  it('is an error object with --json, also for SIGTERM; the same command then goes on', async () => {
    const { registry, stuck, start } = await stuckExport();
    const ferry = start('--json');
    await stuck;
    ferry.kill('SIGTERM');
    const ran = await ferry.ended;
    expect(ran.status).toBe(130);
    expect(jsonResult(ran)).toMatchObject({ event: 'error', code: 'INTERRUPTED', exit: 130 });
    const again = await start().ended;
    expect(again.stderr).toContain('ferry: going on with the export that was interrupted');
    expect(again.status).toBe(0);
    await registry.stop();
  });
});

describe('the whole loop', () => {
  let registry: TestRegistry;
  let engine: TestEngine;

  beforeAll(async () => {
    [registry, engine] = await Promise.all([startRegistry(), startEngine()]);
  });

  afterAll(() => Promise.all([registry.stop(), engine.stop()]));

  it('goes from the registry over a folder into the engine, and the container runs', async () => {
    const files = { 'etc/motd': 'carried\n' };
    await pushBusybox(registry, {
      repository: 'demo/app',
      tag: '1',
      files,
      config: { Cmd: ['/bin/cat', '/etc/motd'] },
    });
    await writeFile(
      join(dir, 'demo.yaml'),
      'product: demo\nrelease: "1"\nplatforms: [linux/amd64]\nimages:\n  - ghcr.io/demo/app:1\nlicense: {from: ./license.blob, install: /etc/demo/license.blob}\n',
    );
    await writeFile(join(dir, 'license.blob'), 'a licence\n');
    await mkdir(join(dir, 'stick'));
    await mkdir(join(dir, 'root'));
    const env = {
      FERRY_WORKSPACE: 'office',
      FERRY_STATE: 'state',
      FERRY_PREFIX: 'root',
      DOCKER_HOST: engine.host,
      HOME: dir,
    };
    const ferry = async (...args: string[]) => {
      const ran = await runFerry([...args, '--json'], { cwd: dir, env });
      expect({ args, status: ran.status, stderr: ran.stderr }).toMatchObject({ args, status: 0 });
      return jsonResult(ran);
    };
    const { fingerprint } = (await ferry('init', 'office', '--product', 'demo', '--no-passphrase')) as {
      fingerprint: { hex: string };
    };
    const exported = await ferry('export', 'demo.yaml', '--out', 'stick', '--mirror', `ghcr.io=${registry.host}`);
    expect(await readdir(join(dir, 'stick'))).toEqual(['demo-1-1-1.ferry.chunks.json', 'demo-1-1-1.ferry.tar']);
    await ferry('trust', 'office/root.json', '--fingerprint', fingerprint.hex);
    expect(await ferry('verify', 'stick')).toMatchObject({ authenticated: 'pinned', bytes: exported['bytes'] });
    const imported = await ferry('import', 'stick');
    expect(imported).toMatchObject({
      release: '1',
      sequence: 1,
      images: [{ name: 'ghcr.io/demo/app:1', action: 'loaded' }],
    });
    expect(existsSync(String(imported['receipt']))).toBe(true);
    expect(await readFile(join(dir, 'root/etc/demo/license.blob'), 'utf8')).toBe('a licence\n');
    expect(await engine.docker('run', '--rm', '--network=none', 'ghcr.io/demo/app:1')).toBe('carried');
    expect(await ferry('status')).toMatchObject({ release: '1', attention: [], images: [{ found: 'present' }] });
  });

  it('turns a spinner on a terminal, and keeps to lines on a dumb one and one that says it has no columns', async () => {
    await writeTestBundle(dir, await testBundle({ images: { 'registry.example/a/b:1': buildImage() } }));
    const command = `${FERRY} verify ${dir} --integrity-only`;
    for (const ci of ['unset CI', 'export CI=true']) {
      const spun = await atTerminal(`stty cols 80; export TERM=xterm; ${ci}; ${command}`, []);
      expect(spun).toContain('\x1b[');
      expect(spun).toContain(' verify  0 B of ');
    }
    for (const terminal of ['export TERM=xterm', 'stty cols 80; export TERM=dumb']) {
      const plain = await atTerminal(`${terminal}; ${command}`, []);
      expect(plain).toMatch(/^ferry: verify, /);
      expect(plain).not.toContain('\x1b');
    }
  });

  it('tells a user without the privilege the exact line with sudo, before the medium is read', async () => {
    const argv = [FERRY, 'import', '/media/gone'];
    const env = { PATH: process.env['PATH'], DOCKER_HOST: engine.host, FERRY_STATE: join(dir, 'a state') };
    const { status, stderr } = spawnSync(...asNobody(argv), { env, cwd: '/', encoding: 'utf8' });
    expect(status).toBe(5);
    expect(stderr).toMatch(/^ferry: hint: .*sudo .*ferry import \/media\/gone$/m);
  });
});

describe('npm run demo', () => {
  it('runs the demo that is there', async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    const [, path = ''] = /^node (\S+)$/.exec(scripts.demo) ?? [];
    expect(existsSync(join(ROOT, path))).toBe(true);
    expect(dirname(path)).toBe('bin');
  });

  const env = () => ({ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: dir, TMPDIR: dir });

  it('goes through, and leaves nothing behind', async () => {
    const before = await readdir(tmpdir());
    const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/node'), [join(ROOT, 'bin/demo.ts')], {
      env: env(),
      encoding: 'utf8',
      input: '',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/layers read +\d+ B of [\d.]+ MB/);
    expect(stdout).toMatch(/ferry: error: .*layer 1 of 2/);
    expect(stdout).toMatch(/\nDone in \d+ s\.\n$/);
    expect(await readdir(dir)).toEqual([]);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('ferry-demo') && !before.includes(name))).toEqual(
      [],
    );
  });

  it('stops in order on Ctrl-C, which its registry and its engine hear as well', async () => {
    const child = spawn(join(ROOT, 'node_modules/.bin/node'), [join(ROOT, 'bin/demo.ts')], {
      env: env(),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const group = -(child.pid ?? 0);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.includes('ferry export')) return;
      stdout += text;
      if (stdout.includes('ferry export')) process.kill(group, 'SIGINT');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect({ status, stderr }).toEqual({ status: 130, stderr: 'demo: stopped, and all that it made is gone\n' });
    expect(await readdir(dir)).toEqual([]);
    expect(() => process.kill(group, 0)).toThrow('ESRCH');
  });
});
