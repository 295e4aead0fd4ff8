// The site's commands with the real rooms and a real engine: what they print, and every refusal that a person may meet,
// with its line, hint and status.
import { copyFile, mkdir, open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fingerprint } from '../../src/trust/index.ts';
import { createLab, emptyEngine, type Lab, type LabBundle, tagsOf } from '../install/lab.ts';
import { jsonLines, jsonResult, runMain } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { createPublisher } from '../support/publisher.ts';

const APP = makeImage({
  name: 'registry.example/atrium/app:1',
  layers: [{ files: { base: 'base' } }, { files: { app: '1' } }],
});
const NEXT = makeImage({
  name: 'registry.example/atrium/app:2',
  layers: [{ files: { base: 'base' } }, { files: { app: '2' } }],
});

let engine: TestEngine;
let lab: Lab;
let first: LabBundle;
let rootFile: string;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(() => engine.stop());

beforeEach(async () => {
  lab = await createLab(engine);
  const files = [{ name: 'compose.yaml', text: 'services: {}\n', install: '/etc/atrium/compose.yaml' }];
  first = await lab.release({ release: '1.0.0', images: [APP], files });
  rootFile = join(lab.dir, 'root.json');
  await writeFile(rootFile, lab.publisher.root);
});

afterEach(async () => {
  await lab.remove();
  await emptyEngine(engine);
});

/** A command of this site. */
function site(argv: readonly string[], options: Parameters<typeof runMain>[1] = {}) {
  const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: engine.host, ...options.env };
  return runMain(argv, { cwd: lab.dir, ...options, env });
}

function digits(): string {
  return fingerprint(lab.publisher.root).hex;
}

async function flipByte(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  await file.close();
}

describe('ferry trust', () => {
  it('asks for the fingerprint before it shows anything of it', async () => {
    const { status, stdout, questions } = await site(['trust', 'root.json'], {
      answers: [fingerprint(lab.publisher.root).words.join(' ')],
    });
    expect({ status, questions }).toEqual({
      status: 0,
      questions: ['the 12 words or 64 digits from the approval sheet: '],
    });
    expect(stdout).toMatch(
      /^this root is trusted now\nsite {4}[0-9a-f]{16}\nsha256 {2}[0-9a-f]{64}\nwords {3}(\w+ ){5}\w+\n/,
    );
  });

  it('shows nothing of the fingerprint that was not matched', async () => {
    const { status, stdout, stderr } = await site(['trust', 'root.json', '--fingerprint', '0'.repeat(64)]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).not.toContain(digits().slice(0, 8));
    expect(stderr).toMatch(/^ferry: error: .*\nferry: hint: compare with the approval sheet/);
  });

  it('refuses to ask where nobody is', async () => {
    const { status, stderr } = await site(['trust', 'root.json']);
    expect(status).toBe(3);
    expect(stderr).toContain('ferry: hint: give --fingerprint with the 64 digits or the 12 words in quotes');
  });

  it('pins without a comparison with --yes, and says so', async () => {
    const ran = await site(['trust', 'root.json', '--yes', '--json']);
    expect(ran.status).toBe(0);
    expect(jsonResult(ran)).toMatchObject({ event: 'result', action: 'pinned', confirmed: false });
    expect(ran.stderr).toContain('ferry: warning: nobody has compared the fingerprint');
    const status = await site(['status']);
    expect(status.status).toBe(10);
    expect(status.stdout).toMatch(/^! .*fingerprint/m);
  });

  it('names the file that is not there', async () => {
    const { status, stderr } = await site(['trust', 'gone.json', '--yes']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ferry: error: .*gone\.json.*\nferry: hint: check the path\n$/);
  });
});

describe('a folder where a file is meant', () => {
  it('is named, with status 2', async () => {
    const { status, stderr } = await site(['trust', lab.medium, '--yes']);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `ferry: error: read ${lab.medium}: expected a file, got a folder\nferry: hint: name a file, not a folder\n`,
    });
  });
});

describe('ferry inspect', () => {
  it('shows what is there, and that nobody has vouched for it', async () => {
    const { status, stdout, stderr } = await site(['inspect', first.path]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^atrium 1\.0\.0 \(sequence 1\)\nfile +.*1\.0\.0-1-.*\.ferry\.tar \([\d.]+ kB\)\n/);
    expect(stdout).toMatch(/^signed +by somebody: nothing here is authenticated$/m);
    expect(stdout).toMatch(/^importable until {2}20\d\d-\d\d-\d\d \(\d+ days\)$/m);
    expect(stdout).toMatch(
      /^images\n {2}[\d.]+ k?B {2}registry\.example\/atrium\/app:1 {2}[0-9a-f]{12}\nfiles\n {2}13 B {2}compose\.yaml {2}\/etc\/atrium\/compose\.yaml$/m,
    );
    expect(stderr).toMatch(/^ferry: warning: not authenticated: /);
    expect(await readdir(lab.dir)).not.toContain('state');
  });

  it('is JSON with --json', async () => {
    const ran = await site(['inspect', first.path, '--json']);
    expect(jsonLines(ran)).toHaveLength(1);
    expect(jsonResult(ran)).toMatchObject({
      event: 'result',
      kind: 'release',
      release: '1.0.0',
      sequence: 1,
      authenticated: false,
    });
  });
});

describe('ferry verify', () => {
  it('is good under the pinned root', async () => {
    await lab.trust();
    const { status, stdout, stderr } = await site(['verify', lab.medium]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^atrium 1\.0\.0 \(sequence 1\): good, every byte is what was signed\n/);
    expect(stdout).toMatch(/^signed +by the office that this site trusts$/m);
    expect(stderr).not.toContain('error');
  });

  it('is status 3 where no root is pinned or given', async () => {
    const { status, stdout, stderr } = await site(['verify', first.path]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toMatch(/ferry: error: verify bundle: expected a root .*\nferry: hint: pin the root first/);
  });

  it('judges by a root that is given with its fingerprint', async () => {
    expect((await site(['verify', first.path, '--trust', 'root.json', '--fingerprint', digits()])).status).toBe(0);
    expect((await site(['verify', first.path, '--trust', 'root.json', '--fingerprint', '1'.repeat(64)])).status).toBe(
      3,
    );
    expect((await site(['verify', first.path, '--trust', 'root.json'])).status).toBe(3);
  });

  it('reads every byte with --integrity-only and says that this is all', async () => {
    const { status, stdout } = await site(['verify', first.path, '--integrity-only']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^atrium 1\.0\.0 \(sequence 1\): whole, by whomever it is made\n/);
  });

  it('names the layer and the image that one flipped bit is in', async () => {
    await lab.trust();
    await flipByte(first.path, (await stat(first.path)).size - 1024 - 512);
    const { status, stderr } = await site(['verify', first.path]);
    expect(status).toBe(4);
    expect(stderr).toMatch(
      /ferry: error: .*blobs\/sha256\/[0-9a-f]{64}.*layer 2 of 2.*registry\.example\/atrium\/app:1/,
    );
    expect(stderr).toContain('ferry: hint: make another copy of the bundle');
  });

  it('says that a copy was cut off', async () => {
    await lab.trust();
    await truncate(first.path, (await stat(first.path)).size - 2000);
    const { status, stderr } = await site(['verify', first.path]);
    expect(status).toBe(4);
    expect(stderr).toMatch(/ferry: hint: the copy was not finished/);
  });
});

describe('ferry import', () => {
  it('loads, installs and says what it did; the second release takes what the engine lacks', async () => {
    await lab.trust();
    const ran = await site(['import', first.path]);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toMatch(
      /^installed atrium 1\.0\.0 \(sequence 1\)\n {2}loaded {5}registry\.example\/atrium\/app:1\n {2}installed {2}.*\/etc\/atrium\/compose\.yaml\n/,
    );
    expect(ran.stdout).toMatch(/^engine +docker [\w.+]+, classic store, unix:\/\//m);
    expect(ran.stdout).toMatch(/^receipt +.*receipt\.json$/m);
    const second = await lab.release({ release: '1.1.0', images: [NEXT] });
    const next = await site(['import', second.path, '--json']);
    expect(next.status).toBe(0);
    const result = jsonResult(next) as { bytesRead: number; bytesTotal: number };
    expect(result).toMatchObject({ event: 'result', release: '1.1.0', sequence: 2, images: [{ action: 'loaded' }] });
    expect(result.bytesRead).toBeLessThan(result.bytesTotal);
    expect(await tagsOf(engine)).toEqual(['registry.example/atrium/app:1', 'registry.example/atrium/app:2']);
    const status = await site(['status']);
    expect(status.stdout).toMatch(
      /^atrium 1\.1\.0 \(sequence 2\), installed \d{4}-\d\d-\d\d\n {2}present {2}registry\.example\/atrium\/app:2\n/,
    );
    expect(status.status).toBe(0);
  });

  it('has nothing to do the second time', async () => {
    await lab.trust();
    await site(['import', first.path]);
    const { status, stdout } = await site(['import', first.path]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^nothing to do, present: atrium 1\.0\.0/);
  });

  it('changes nothing with --dry-run', async () => {
    await lab.trust();
    const { status, stdout } = await site(['import', first.path, '--dry-run']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^would install atrium 1\.0\.0 \(sequence 1\)\n {2}to load +registry/);
    expect(await tagsOf(engine)).toEqual([]);
  });

  it('goes back on purpose, with a reason', async () => {
    await lab.trust();
    const second = await lab.release({ release: '1.1.0', images: [NEXT] });
    await site(['import', second.path]);
    const refused = await site(['import', first.path]);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain('ferry: hint: to go back on purpose: --allow-downgrade --reason TEXT');
    const back = await site(['import', await first.rewrite(), '--allow-downgrade', '--reason', 'the kiosk is broken']);
    expect(back.status).toBe(0);
  });

  it('pins the root of the bundle on a site that trusts nobody, when a person compares it', async () => {
    const { status, questions } = await site(['import', first.path], { answers: [digits(), 'y'] });
    expect({ status, questions: questions.length }).toEqual({ status: 0, questions: 2 });
  });
});

describe('what a person at the site may meet', () => {
  /** The error of a run with --json, whose line and hint are those that are printed without. */
  async function meets(argv: readonly string[], options: Parameters<typeof site>[1] = {}) {
    const machine = await site([...argv, '--json'], options);
    const { code, message, hint, exit } = jsonResult(machine) as Record<string, string>;
    expect(machine.status).toBe(exit);
    const person = await site(argv, options);
    expect(person.stdout).toBe('');
    expect(person.stderr).toContain(`ferry: error: ${message}\nferry: hint: ${hint}\n`);
    expect(`${message}${hint}`).not.toContain('\n');
    return { code, exit };
  }

  it('a site that trusts nobody yet', async () => {
    expect(await meets(['import', first.path, '--yes'])).toEqual({ code: 'NOT_PINNED', exit: 3 });
    expect(await tagsOf(engine)).toEqual([]);
  });

  it('a fingerprint that differs', async () => {
    expect(await meets(['import', first.path, '--fingerprint', '0'.repeat(64)])).toEqual({
      code: 'FINGERPRINT_MISMATCH',
      exit: 3,
    });
  });

  it("another office's bundle", async () => {
    const other = await createPublisher({ now: lab.publisher.now });
    await writeFile(join(lab.dir, 'other.json'), other.root);
    await site(['trust', 'other.json', '--yes']);
    expect(await meets(['import', first.path])).toEqual({ code: 'ROOT_MISMATCH', exit: 3 });
  });

  it('an expired catalogue', async () => {
    await lab.trust();
    expect(await meets(['import', first.path], { now: new Date('2028-06-01T00:00:00Z') })).toEqual({
      code: 'EXPIRED',
      exit: 3,
    });
  });

  it('a release that was taken back', async () => {
    await lab.trust();
    await lab.publisher.revoke(first.published);
    await lab.import(await lab.catalogue());
    expect(await meets(['import', first.path])).toEqual({ code: 'RELEASE_NOT_LISTED', exit: 3 });
  });

  it('a bundle for another product of the same office', async () => {
    await lab.trust();
    await lab.import(first.path);
    Object.assign(lab.publisher, { product: 'other' });
    const { path } = await lab.release({ release: '2.0.0', images: [NEXT] });
    expect(await meets(['import', path])).toEqual({ code: 'WRONG_PRODUCT', exit: 3 });
    expect(await meets(['verify', path])).toEqual({ code: 'WRONG_PRODUCT', exit: 3 });
  });

  it('an older release than the present one', async () => {
    await lab.trust();
    const second = await lab.release({ release: '1.1.0', images: [NEXT] });
    await lab.import(second.path);
    expect(await meets(['import', first.path])).toEqual({ code: 'DOWNGRADE', exit: 3 });
  });

  it('a release for another architecture', async () => {
    await lab.trust();
    const arm = makeImage({
      name: 'registry.example/atrium/arm:1',
      architecture: 'arm64',
      layers: [{ files: { a: 'a' } }],
    });
    const { path } = await lab.release({ release: '2.0.0', images: [arm], platforms: ['linux/arm64'] });
    expect(await meets(['import', path])).toEqual({ code: 'WRONG_ARCHITECTURE', exit: 5 });
  });

  it('a release of a later format', async () => {
    await lab.trust();
    const { path } = await lab.release({ release: '2.0.0', images: [APP], fields: { format: 2, minFerry: '2.0.0' } });
    expect(await meets(['import', path])).toEqual({ code: 'FORMAT_TOO_NEW', exit: 5 });
  });

  it('a bundle that was cut off', async () => {
    await lab.trust();
    await truncate(first.path, (await stat(first.path)).size - 2000);
    expect(await meets(['import', first.path])).toEqual({ code: 'BUNDLE_CUT_OFF', exit: 4 });
  });

  it('a bundle that was altered: nothing of it stays in the engine', async () => {
    await lab.trust();
    await flipByte(first.path, (await stat(first.path)).size - 1024 - 512);
    expect((await meets(['import', first.path])).exit).toBe(4);
    expect(await tagsOf(engine)).toEqual([]);
  });

  it('something else than a bundle', async () => {
    await writeFile(join(lab.dir, 'a.ferry.tar'), 'no tar at all');
    expect((await meets(['inspect', 'a.ferry.tar'])).exit).toBe(4);
  });

  it('an engine that does not run', async () => {
    await lab.trust();
    const env = { DOCKER_HOST: `unix://${lab.dir}/no.sock` };
    expect(await meets(['import', first.path], { env })).toEqual({ code: 'ENGINE_NOT_RUNNING', exit: 5 });
  });

  it('no stick', async () => {
    expect((await meets(['import', '/media/gone'])).exit).toBe(75);
    expect((await meets(['inspect', '/media/gone'])).exit).toBe(75);
  });

  it('a stick without a bundle, and one with several', async () => {
    const empty = join(lab.dir, 'empty');
    await mkdir(empty);
    expect((await meets(['import', empty])).exit).toBe(75);
    await copyFile(first.path, join(lab.medium, 'atrium-0.9.0-9-1.ferry.tar'));
    expect(await meets(['verify', lab.medium])).toEqual({ code: 'BUNDLE_AMBIGUOUS', exit: 2 });
    await rm(join(lab.medium, basename(first.path)));
  });

  it('another import that is at work', async () => {
    await lab.trust();
    const { openState } = await import('../../src/state/index.ts');
    const lock = await (await openState(lab.stateDir)).lock();
    expect(await meets(['import', first.path])).toEqual({ code: 'LOCKED', exit: 6 });
    await lock.release();
  });
});
