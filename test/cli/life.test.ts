// The years of an office and its sites: keys that change hands, a workspace that is lost, releases that are taken back,
// catalogues that end. Every step is a command as a person types it; the engine and the registry are real.
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emptyEngine } from '../install/lab.ts';
import { jsonResult, runFerry, runMain } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { generatedLayer, pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';

/** So long after the beginning that every catalogue made then has ended, and no root. */
const LATER = new Date('2028-06-01T00:00:00Z');

let registry: TestRegistry;
let engine: TestEngine;
let dir: string;
let env: Record<string, string>;

beforeAll(async () => {
  [registry, engine] = await Promise.all([startRegistry(), startEngine()]);
  for (const tag of ['1', '2']) {
    await pushImage(registry, { repository: 'demo/app', tag, layers: [generatedLayer('base'), generatedLayer(tag)] });
  }
});

afterAll(() => Promise.all([registry.stop(), engine.stop()]));

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-life-'));
  env = { FERRY_WORKSPACE: 'office', FERRY_STATE: 'state', FERRY_PREFIX: 'root', DOCKER_HOST: engine.host, HOME: dir };
  for (const folder of ['stick', 'root']) await mkdir(join(dir, folder));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
  await emptyEngine(engine);
});

/** A command line, words split at spaces. */
function ferry(line: string, options: Parameters<typeof runMain>[1] = {}) {
  return runMain(line.split(' '), { cwd: dir, ...options, env: { ...env, ...options.env } });
}

/** A command that must succeed: its result. */
async function done(line: string, options: Parameters<typeof runMain>[1] = {}): Promise<Record<string, unknown>> {
  const ran = await ferry(`${line} --json`, options);
  const result = jsonResult(ran);
  expect({ line, status: ran.status, result }).toMatchObject({ line, status: 0, result: { event: 'result' } });
  return result;
}

/** A command that must be refused: its error. */
async function refused(line: string, options: Parameters<typeof runMain>[1] = {}): Promise<Record<string, unknown>> {
  const ran = await ferry(`${line} --json`, options);
  const error = jsonResult(ran);
  expect({ line, event: error['event'], exit: error['exit'] }).toEqual({ line, event: 'error', exit: ran.status });
  return error;
}

/** Exports a release whose image has the release as its tag; the bundle's path. */
async function exported(release: string, options: Parameters<typeof runMain>[1] = {}): Promise<string> {
  const text = `product: demo\nrelease: "${release}"\nplatforms: [linux/amd64]\nimages:\n  - ${registry.host}/demo/app:${release}\n`;
  await writeFile(join(dir, `${release}.yaml`), text);
  return String((await done(`export ${release}.yaml --out stick`, options))['bundle']);
}

async function trusted(): Promise<void> {
  const { fingerprint } = (await done('init office --product demo --no-passphrase --root-keys safe')) as {
    fingerprint: { hex: string };
  };
  await done(`trust office/root.json --fingerprint ${fingerprint.hex}`);
}

async function keyOf(role: string): Promise<string> {
  const { keys } = (await done('keys list')) as { keys: { role: string; keyID: string; state: string }[] };
  return keys.find((key) => key.role === role && key.state === 'active')?.keyID ?? '';
}

describe('keys', () => {
  it('are changed by holders who have the request and their key alone, and a site with the old root follows', async () => {
    const run = async (cwd: string, ...args: string[]) => {
      const ran = await runFerry(args, { cwd: join(dir, cwd), env });
      return { ...ran, error: ran.stderr.split('\n').filter((line) => /^ferry: (error|hint)/.test(line)) };
    };
    const made = await run(
      '.',
      'init',
      'office',
      '--product',
      'demo',
      '--no-passphrase',
      '--root-keys',
      'safe',
      '--threshold',
      'root=2/3',
    );
    const hex = /^sha256 +(\w+)$/m.exec(made.stdout)?.[1] ?? '';
    await done(`trust office/root.json --fingerprint ${hex}`);
    await done(`import ${await exported('1')}`);
    for (const [at, holder] of ['anna', 'ben', 'carl'].entries()) {
      await mkdir(join(dir, holder));
      await rename(join(dir, 'safe', `root-${at + 1}.pem`), join(dir, holder, `root-${at + 1}.pem`));
    }
    await rm(join(dir, 'safe'), { recursive: true });

    const opened = await run('.', 'keys', 'rotate', 'targets');
    expect(opened.stdout).toMatch(/^root 2 waits for signatures; nothing has changed yet\n/);
    const request = /^request +(.*)$/m.exec(opened.stdout)?.[1] ?? '';
    const words = /^words +(.*)\n +(.*)$/m.exec(opened.stdout)?.slice(1).join(' ');
    const answers: string[] = [];
    for (const holder of ['anna', 'carl']) {
      await copyFile(request, join(dir, holder, basename(request)));
      const signed = await run(holder, 'keys', 'sign', basename(request), '--keys', '.', '--yes');
      expect(signed.stderr).toContain(`\nwords: ${words}\n`);
      answers.push(/^signed +(.*)$/m.exec(signed.stdout)?.[1] ?? '');
    }
    const [first = '', second = ''] = answers;
    const tooFew = await run('.', 'keys', 'assemble', request, first);
    expect(tooFew.status).toBe(3);
    expect(tooFew.error).toEqual([
      expect.stringMatching(
        /assemble root 2: holders of root 1: 1 of 2 signed \(\w{16}\), 1 missing; holders of root 2/,
      ),
      expect.stringMatching(/^ferry: hint: collect the missing answers/),
    ]);
    const published = await run('.', 'keys', 'assemble', request, first, second);
    expect({ status: published.status, stderr: published.stderr }).toEqual({ status: 0, stderr: '' });
    expect(published.stdout).toMatch(/^root 2 is published/);

    await done(`import ${await exported('2')}`);
    expect(await done('status')).toMatchObject({ release: '2', root: { version: 2, confirmed: true }, attention: [] });
  });

  it('are rotated and revoked while a stick is under way: what is still listed installs', async () => {
    await trusted();
    const stick = await exported('1');
    await done('keys rotate timestamp --root-keys safe');
    await done('keys rotate targets --root-keys safe');
    await done('keys add snapshot --root-keys safe');
    await done(`keys revoke ${(await keyOf('snapshot')).slice(0, 8)} --root-keys safe`);
    const { path, catalogue } = await done('catalogue export --out stick');
    expect(await done(`import ${path}`)).toMatchObject({ kind: 'catalogue' });
    expect(await done(`import ${stick}`)).toMatchObject({
      release: '1',
      warnings: [expect.stringMatching(/signed by keys that root 5 has replaced/)],
    });
    expect(await done('status')).toMatchObject({ root: { version: 5 }, catalogue: { version: catalogue } });
  });

  it('of a lost workspace are replaced, and a site goes on from what it has', async () => {
    await trusted();
    const stick = await exported('1');
    await done(`import ${stick}`);
    await rm(join(dir, 'office'), { recursive: true });
    const restore = `init office --product demo --no-passphrase --root-keys safe --restore ${stick}`;
    expect(await done(restore)).toMatchObject({ rootChange: { status: 'published', version: 2 } });
    const next = await exported('2');
    expect(basename(next)).toBe('demo-2-1001-1001.ferry.tar');
    expect(await done(`import ${next}`)).toMatchObject({ release: '2', sequence: 1001 });
    expect(await done('status')).toMatchObject({ root: { version: 2 }, attention: [] });
  });
});

describe('the catalogue', () => {
  it('takes a release back: whoever has it refuses the stick, and status tells of what is installed', async () => {
    await trusted();
    const stick = await exported('1');
    await done(`import ${stick}`);
    await done('catalogue revoke 1');
    const { path } = await done('catalogue export --out stick');
    await done(`import ${path}`);
    expect(await refused(`import ${stick}`)).toMatchObject({ code: 'RELEASE_NOT_LISTED', exit: 3 });
    const status = await ferry('status');
    expect(status.status).toBe(10);
    expect(status.stdout).toMatch(/^! the installed release is revoked/m);
    expect(await refused('export 1.yaml --out stick')).toMatchObject({ code: 'RELEASE_REVOKED', exit: 3 });
  });

  it('ends, and a new one of a few kilobytes is the way out', async () => {
    await trusted();
    const stick = await exported('1');
    const later = { now: LATER };
    expect(await refused(`import ${stick}`, later)).toMatchObject({
      code: 'EXPIRED',
      exit: 3,
      message: expect.stringMatching(/was valid until 2027-12-28T12:00:00Z, and it is 2028-06-01T00:00:00Z$/),
      hint: expect.stringContaining('`ferry catalogue export`'),
    });
    const { path, importableUntil } = await done('catalogue export --out stick', later);
    expect(importableUntil).toBe('2029-07-06T00:00:00.000Z');
    // no engine is asked for a catalogue
    await done(`import ${path}`, { ...later, env: { DOCKER_HOST: `unix://${dir}/no.sock` } });
    expect(await done(`import ${stick}`, later)).toMatchObject({ action: 'installed', release: '1' });
    expect((await ferry('status', later)).status).toBe(0);
  });

  it('is not brought back by a stick: the clock stays where a signature has shown it', async () => {
    await trusted();
    const stick = await exported('1');
    await done(`import ${(await done('catalogue export --out stick', { now: LATER }))['path']}`, { now: LATER });
    const { warnings } = (await done(`import ${stick}`)) as { warnings: string[] };
    expect(warnings.join()).toContain('2028-06-01');
  });
});

describe('the first root', () => {
  it('that nobody compared is asked about until somebody does, and wrong words show nothing of the right ones', async () => {
    const { fingerprint } = (await done('init office --product demo --no-passphrase')) as {
      fingerprint: { hex: string; words: string[] };
    };
    expect(await done('trust office/root.json --yes')).toMatchObject({ action: 'pinned', confirmed: false });
    await done(`import ${await exported('1')}`);
    for (let time = 0; time < 2; time += 1) {
      const status = await ferry('status');
      expect(status.status).toBe(10);
      expect(status.stdout).toMatch(/^! the root was pinned without comparing its fingerprint/m);
    }
    const wrong = [...Array(11).fill('abandon'), 'about'].join(' '); // those of another root
    const no = await ferry('trust office/root.json', { answers: [wrong] });
    // the same for every root, so that it tells nothing of this one
    expect(no).toMatchObject({
      status: 3,
      stdout: '',
      stderr:
        'ferry: error: pin root: expected the fingerprint of the approval sheet, got a root with another\n' +
        'ferry: hint: compare with the approval sheet; if it is typed right, this root is not the one that was approved\n',
    });
    expect((await ferry('status')).status).toBe(10);

    const yes = await ferry('trust office/root.json', { answers: [fingerprint.words.join(' ').toUpperCase()] });
    expect(yes.status).toBe(0);
    const status = await ferry('status');
    expect({ status: status.status, stdout: status.stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('compared with the sheet'),
    });
  });

  it('is never taken from a bundle with --yes alone', async () => {
    await done('init office --product demo --no-passphrase');
    const stick = await exported('1');
    expect(await refused(`import ${stick} --yes`)).toMatchObject({ code: 'NOT_PINNED', exit: 3 });
    expect((await readdir(dir)).includes('state') && (await readdir(join(dir, 'state'))).includes('trust')).toBe(false);
  });
});
