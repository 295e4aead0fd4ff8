// The office's commands with the real rooms and a real registry: what they print, and every refusal that a person may
// meet, with its line, hint and status.
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createWorkspace } from '../../src/workspace/index.ts';
import { jsonLines, jsonResult, runMain } from '../support/cli.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { buildImage, generatedLayer, pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';

let registry: TestRegistry;
let fake: FakeRegistry;
let dir: string;

beforeAll(async () => {
  registry = await startRegistry();
  await pushImage(registry, {
    repository: 'demo/app',
    tag: '1',
    layers: [generatedLayer('base'), generatedLayer('app')],
  });
});

afterAll(() => registry.stop());

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-office-'));
  await mkdir(join(dir, 'stick'));
  fake = await fakeRegistry();
});

afterEach(async () => {
  await fake.stop();
  await rm(dir, { recursive: true, force: true });
});

function office(argv: readonly string[], options: Parameters<typeof runMain>[1] = {}) {
  return runMain(argv, { cwd: dir, ...options, env: { FERRY_WORKSPACE: 'office', HOME: dir, ...options.env } });
}

async function initialized(...more: readonly string[]): Promise<void> {
  const { status, stderr } = await office(['init', 'office', '--product', 'demo', '--no-passphrase', ...more]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
}

/** Writes demo.yaml. */
async function manifest(
  fields: { image?: string; platforms?: string; product?: string; more?: string } = {},
): Promise<void> {
  const { image = `${registry.host}/demo/app:1`, platforms = '[linux/amd64]', product = 'demo', more = '' } = fields;
  const text = `product: ${product}\nrelease: "1"\nplatforms: ${platforms}\nimages:\n  - ${image}\n${more}`;
  await writeFile(join(dir, 'demo.yaml'), text);
}

const EXPORT = ['export', 'demo.yaml', '--out', 'stick'];

describe('ferry init', () => {
  it('prints where the root is, and its fingerprint as digits and words', async () => {
    const { status, stdout } = await office(['init', 'office', '--product', 'demo', '--no-passphrase']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^workspace {2}.*\/office\nroot {7}.*\/office\/root\.json\nsha256 {5}[0-9a-f]{64}\nwords {6}(\w+ ){5}\w+\n {11}(\w+ ){5}\w+\nPut the words/,
    );
    const sum = spawnSync('sha256sum', ['office/root.json'], { cwd: dir, encoding: 'utf8' }).stdout;
    expect(stdout).toContain(sum.slice(0, 64));
  });

  it('asks for the passphrase twice, on the terminal alone', async () => {
    const { status, questions } = await office(['init', 'office', '--product', 'demo'], {
      answers: ['open sesame', 'open sesame'],
    });
    expect({ status, questions }).toEqual({
      status: 0,
      questions: ["passphrase for the workspace's keys: ", 'the same again: '],
    });
    expect((await readdir(join(dir, 'office/keys'))).every((name) => name.endsWith('.age'))).toBe(true);
  });

  it('makes nothing when the two passphrases differ', async () => {
    const { status, stderr } = await office(['init', 'office', '--product', 'demo'], {
      answers: ['open sesame', 'open sesam'],
    });
    expect(status).toBe(3);
    expect(stderr).toContain('ferry: error: read passphrase: the two differ');
    expect(await readdir(dir)).toEqual(['stick']);
  });

  it('refuses without a terminal and without a passphrase file, and says what to give', async () => {
    const { status, stderr } = await office(['init', 'office', '--product', 'demo']);
    expect(status).toBe(3);
    expect(stderr).toMatch(/there is no terminal to ask on\nferry: hint: give --passphrase-file FILE/);
    expect(await readdir(dir)).toEqual(['stick']);
  });

  it('is restored from a bundle, with the root keys that were kept apart', async () => {
    await initialized('--root-keys', 'safe');
    await manifest();
    await office(EXPORT);
    await rm(join(dir, 'office'), { recursive: true });
    const [bundle = ''] = (await readdir(join(dir, 'stick'))).filter((name) => name.endsWith('.tar'));
    const restored = [
      'init',
      'office',
      '--product',
      'demo',
      '--no-passphrase',
      '--root-keys',
      'safe',
      '--restore',
      `stick/${bundle}`,
    ];
    const { status, stdout } = await office(restored);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^root 2 is published/m);
    expect((await office(['catalogue', 'list'])).stdout).toMatch(/^1 {2}1 {2}listed/);
  });
});

describe('ferry export', () => {
  it('writes the bundle and says what is in it; the result alone is on stdout', async () => {
    await initialized();
    await manifest();
    const { status, stdout, stderr } = await office(EXPORT);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^exported 1 \(sequence 1\)\n {2}[\d.]+ kB {2}127\.0\.0\.1:\d+\/demo\/app:1 {2}[0-9a-f]{12}\nbundle +.*\/stick\/demo-1-1-1\.ferry\.tar \([\d.]+ kB\)\n/,
    );
    expect(stdout).toMatch(/^importable until {2}2027-12-28 \(400 days\)$/m);
    expect(stderr.split('\n').filter((line) => line !== '' && !line.startsWith('ferry: '))).toEqual([]);
  });

  it("gives DESIGN's result with --json, after the phases", async () => {
    await initialized();
    await manifest();
    const ran = await office([...EXPORT, '--json']);
    const lines = jsonLines(ran);
    expect(lines.slice(0, -1).every(({ event }) => event === 'phase')).toBe(true);
    expect(lines.at(-1)).toMatchObject({
      event: 'result',
      bundle: join(dir, 'stick/demo-1-1-1.ferry.tar'),
      overlays: [],
      release: '1',
      sequence: 1,
      importableUntil: '2027-12-28T12:00:00.000Z',
      images: [{ name: `${registry.host}/demo/app:1` }],
    });
  });

  it('has nothing to do the second time', async () => {
    await initialized();
    await manifest();
    await office(EXPORT);
    const { status, stdout } = await office(EXPORT);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^nothing to do, present: 1 \(sequence 1\)\n/);
  });

  it('takes images from a mirror under their own names', async () => {
    await initialized();
    await manifest({ image: 'ghcr.io/atrium/server:1' });
    const { status, stdout } = await office([...EXPORT, '--mirror', `ghcr.io=${registry.host}`]);
    expect(status).toBe(1);
    await manifest({ image: 'ghcr.io/demo/app:1' });
    const mirrored = await office([...EXPORT, '--mirror', `ghcr.io=${registry.host}`]);
    expect(mirrored.status).toBe(0);
    expect(mirrored.stdout).toContain('  ghcr.io/demo/app:1  ');
    expect(stdout).toBe('');
  });

  it('opens sealed keys with the passphrase file, and refuses a wrong one', async () => {
    await writeFile(join(dir, 'pass'), 'open sesame\n');
    await writeFile(join(dir, 'wrong'), 'open\n');
    // Less work for scrypt than `ferry init` asks of it.
    const passphrase = async () => 'open sesame';
    await createWorkspace(join(dir, 'office'), {
      product: 'demo',
      passphrase,
      workFactor: 10,
      now: new Date('2026-11-23'),
    });
    await manifest();
    const wrong = await office([...EXPORT, '--passphrase-file', 'wrong']);
    expect(wrong.status).toBe(3);
    expect(wrong.stderr).toContain('ferry: hint: type it again; nothing was signed\n');
    expect((await office([...EXPORT, '--passphrase-file', 'pass'])).status).toBe(0);
  });
});

describe('what a person at the office may meet', () => {
  /** The error of a run with --json, whose line and hint are those that are printed without. */
  async function meets(argv: readonly string[], options: Parameters<typeof office>[1] = {}) {
    const machine = await office([...argv, '--json'], options);
    const { code, message, hint, exit } = jsonResult(machine) as Record<string, string>;
    expect(machine.status).toBe(exit);
    const person = await office(argv, options);
    expect(person.stdout).toBe('');
    expect(person.stderr).toContain(`ferry: hint: ${hint}\n`);
    expect(`${message}${hint}`).not.toContain('\n');
    return { code, exit, message };
  }

  beforeEach(() => initialized());

  it('an unknown registry', async () => {
    await manifest({ image: 'registry.invalid/demo/app:1' });
    expect(await meets(EXPORT)).toMatchObject({
      code: 'UNKNOWN_HOST',
      exit: 1,
      message: expect.stringContaining('registry.invalid'),
    });
  }, 180_000);

  it('a registry that does not answer', async () => {
    const gone = await fakeRegistry();
    await gone.stop();
    await manifest({ image: `${gone.host}/demo/app:1` });
    expect(await meets(EXPORT)).toMatchObject({
      code: 'UNREACHABLE',
      exit: 1,
      message: expect.stringContaining(gone.host),
    });
  }, 180_000);

  it('a registry that denies', async () => {
    const closed = await startRegistry({ auth: true });
    await manifest({ image: `${closed.host}/demo/app:1` });
    expect(await meets(EXPORT)).toMatchObject({ code: 'DENIED', exit: 1 });
    await closed.stop();
  });

  it('an image or a tag that is not there', async () => {
    await manifest({ image: `${registry.host}/demo/app:gone` });
    expect(await meets(EXPORT)).toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      exit: 1,
      message: expect.stringContaining('demo/app'),
    });
    await manifest({ image: `${registry.host}/demo/nobody:1` });
    expect(await meets(EXPORT)).toMatchObject({ code: 'IMAGE_NOT_FOUND', exit: 1 });
  });

  it('a platform that the image has not', async () => {
    fake.add('demo/app', '1', buildImage({ platforms: ['linux/amd64', 'linux/arm64'] }));
    await manifest({ image: `${fake.host}/demo/app:1`, platforms: '[linux/s390x]' });
    expect(await meets(EXPORT)).toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      exit: 1,
      message: expect.stringContaining('linux/s390x'),
    });
  });

  it('a pinned digest that is not what the tag is now', async () => {
    await manifest({ image: `${registry.host}/demo/app:1@sha256:${'0'.repeat(64)}` });
    expect(await meets(EXPORT)).toMatchObject({
      code: 'DIGEST_CHANGED',
      exit: 1,
      message: expect.stringContaining(`demo/app`),
    });
  });

  it('plain HTTP that nobody allowed', async () => {
    await manifest({ image: 'localhost.example:5000/demo/app:1' });
    expect((await meets([...EXPORT, '--mirror', 'localhost.example:5000=http://a'])).exit).toBe(2);
  });

  it('a manifest that is no YAML, or has a wrong key, with the line', async () => {
    await writeFile(join(dir, 'demo.yaml'), 'product: demo\nimages: [\n');
    expect(await meets(EXPORT)).toMatchObject({
      code: 'MANIFEST_YAML',
      exit: 2,
      message: expect.stringMatching(/demo\.yaml.*\b[23]\b/),
    });
    await manifest({ more: 'colour: red\n' });
    expect(await meets(EXPORT)).toMatchObject({
      code: 'MANIFEST_VALUE',
      exit: 2,
      message: expect.stringMatching(/demo\.yaml.*6.*colour/),
    });
    expect((await meets(['export', 'gone.yaml', '--out', 'stick'])).message).toContain('gone.yaml');
  });

  it('a manifest of another product', async () => {
    await manifest({ product: 'atrium' });
    expect(await meets(EXPORT)).toMatchObject({ code: 'PRODUCT_DIFFERS', exit: 3 });
  });

  it('a full disk, before the first byte', async () => {
    await manifest();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', join(dir, 'stick')]);
    expect(mounted.status).toBe(0);
    try {
      expect(await meets(EXPORT)).toMatchObject({ code: 'NO_SPACE', exit: 5 });
      expect(await readdir(join(dir, 'stick'))).toEqual([]);
    } finally {
      spawnSync('umount', [join(dir, 'stick')]);
    }
  });

  it('a medium that cannot be written', async () => {
    await manifest();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', join(dir, 'stick')]);
    expect(mounted.status).toBe(0);
    try {
      expect(await meets(EXPORT)).toMatchObject({ code: 'READ_ONLY', exit: 5 });
    } finally {
      spawnSync('umount', [join(dir, 'stick')]);
    }
  });

  it('no stick', async () => {
    await manifest();
    expect(await meets(['export', 'demo.yaml', '--out', 'gone/stick'])).toMatchObject({
      code: 'OUT_MISSING',
      exit: 75,
    });
  });

  it('no workspace', async () => {
    await manifest();
    expect(await meets([...EXPORT, '--workspace', 'gone'])).toMatchObject({ code: 'WORKSPACE_NOT_FOUND', exit: 2 });
    expect(await meets(['init', 'office', '--product', 'demo', '--no-passphrase'])).toMatchObject({
      code: 'WORKSPACE_EXISTS',
      exit: 2,
    });
  });
});

describe('ferry keys', () => {
  beforeEach(() => initialized());

  it('lists the keys of each role', async () => {
    const { status, stdout } = await office(['keys', 'list']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^root 1, valid until \d{4}-\d\d-\d\d \(1100 days\)\nroot +[0-9a-f]{12} {2}ed25519 {2}active {2}root-1\.pem\n/,
    );
    expect(stdout.trimEnd().split('\n')).toHaveLength(5);
  });

  it('rotates, adds and revokes', async () => {
    expect((await office(['keys', 'rotate', 'timestamp'])).stdout).toMatch(/^root 2 is published/);
    expect((await office(['keys', 'add', 'targets'])).stdout).toMatch(/^root 3 is published/);
    const { keys } = jsonResult(await office(['keys', 'list', '--json'])) as {
      keys: { role: string; keyID: string }[];
    };
    const [first] = keys.filter(({ role }) => role === 'targets');
    expect((await office(['keys', 'revoke', first?.keyID.slice(0, 12) ?? ''])).stdout).toMatch(/^root 4 is published/);
    const gone = await office(['keys', 'revoke', '0123456789ab']);
    expect(gone.status).toBe(2);
    expect(gone.stderr).toContain('ferry: hint: `ferry keys list` shows the keys\n');
  });

  it('goes through the ceremony: request, answer, assembly', async () => {
    await office([
      'init',
      'two',
      '--product',
      'demo',
      '--no-passphrase',
      '--root-keys',
      'safe',
      '--threshold',
      'root=2/2',
    ]);
    await mkdir(join(dir, 'a'));
    const [one = '', two = ''] = (await readdir(join(dir, 'safe'))).toSorted();
    for (const [name, folder] of [
      [one, 'a'],
      [two, 'b'],
    ] as const) {
      await mkdir(join(dir, folder), { recursive: true });
      await writeFile(join(dir, folder, basename(name)), await readFile(join(dir, 'safe', name)));
      await chmod(join(dir, folder, name), 0o600);
    }
    await rm(join(dir, 'safe'), { recursive: true });
    const opened = await office(['keys', 'rotate', 'timestamp', '--workspace', 'two', '--root-keys', 'a']);
    expect(opened.stdout).toMatch(
      /^root 2 waits for signatures; nothing has changed yet\nrequest {2}(.*)\nwords {4}(\w+ ){5}\w+\n {9}(\w+ ){5}\w+\nanswer /,
    );
    const request = /^request {2}(.*)$/m.exec(opened.stdout)?.[1] ?? '';
    const answers = [...opened.stdout.matchAll(/^answer {3}(.*)$/gm)].map(([, path]) => path ?? '');
    const unsigned = await office(['keys', 'sign', request, '--keys', 'b'], { answers: ['no'] });
    expect(unsigned.status).toBe(3);
    const signed = await office(['keys', 'sign', request, '--keys', 'b'], { answers: ['yes'] });
    expect(signed.stderr).toMatch(/words: (\w+ ){11}\w+\n/);
    expect(signed.status).toBe(0);
    const answer = /^signed {2}(.*)$/m.exec(signed.stdout)?.[1] ?? '';
    const tooFew = await office(['keys', 'assemble', request, ...answers, '--workspace', 'two']);
    expect(tooFew.status).toBe(3);
    const done = await office([
      'keys',
      'assemble',
      request,
      ...answers,
      answer,
      '--workspace',
      'two',
      '--root-keys',
      'a',
    ]);
    expect(done.stderr).toBe('');
    expect(done.stdout).toMatch(/^root 2 is published/);
  });
});

describe('ferry catalogue', () => {
  it('lists, revokes and writes the catalogue', async () => {
    await initialized();
    expect((await office(['catalogue', 'list'])).stdout).toBe('no release yet\n');
    await manifest();
    await office(EXPORT);
    expect((await office(['catalogue', 'list'])).stdout).toBe('1  1  listed  2026-11-23\n');
    expect((await office(['catalogue', 'revoke', '1'])).stdout).toMatch(/^revoked 1 \(sequence 1\); catalogue 2\n/);
    expect((await office(['catalog', 'list'])).stdout).toBe('1  1  revoked  2026-11-23\n');
    const written = await office(['catalogue', 'export', '--out', 'stick']);
    expect(written.stdout).toMatch(/^catalogue +2\nfile +.*\/stick\/demo-catalogue-2\.ferry\.tar\nimportable until/);
    const unknown = await office(['catalogue', 'revoke', '9']);
    expect(unknown.status).toBe(2);
  });
});
