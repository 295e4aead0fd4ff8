// Several things in the way of an import, and its dry run, as they are printed.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Lab, tagsOf, useSite } from '../install/lab.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';

const NAME = 'registry.example/atrium/app:1';

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const app = (text: string) => makeImage({ name: NAME, layers: [{ files: { app: text } }] });
const file = (text: string, name = 'a.conf') => ({ name, text, install: `/etc/atrium/${name}` });
const onHost = (name = 'a.conf') => join(lab.prefix, 'etc/atrium', name);

/** A command of this site. */
function site(argv: readonly string[], options: Parameters<typeof runMain>[1] = {}) {
  const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: engine.host, ...options.env };
  return runMain(argv, { cwd: lab.dir, ...options, env });
}

async function twoReleases() {
  const old = await lab.release({
    release: '1.0.0',
    images: [app('1')],
    files: [file('old\n'), file('b\n', 'b.conf')],
  });
  const next = await lab.release({
    release: '2.0.0',
    images: [app('2')],
    files: [file('new\n'), file('c\n', 'b.conf')],
  });
  return { old, next };
}

describe('ferry import with several things in the way', () => {
  it('prints each with its hint, the worst first, and ends with the status of that one', async () => {
    const { old, next } = await twoReleases();
    await site(['import', next.path]);
    await writeFile(onHost(), 'edited\n');
    const nowhere = { DOCKER_HOST: `unix://${join(lab.dir, 'no-engine')}` };
    const ran = await site(['import', old.path], { env: nowhere });
    expect({ status: ran.status, stdout: ran.stdout }).toEqual({ status: 3, stdout: '' });
    const lines = ran.stderr.trimEnd().split('\n').slice(-6);
    expect(lines).toEqual([
      expect.stringMatching(/^ferry: error: judge release: expected sequence 2 or later, got 1/),
      expect.stringMatching(/^ferry: hint: to go back on purpose: --allow-downgrade/),
      expect.stringMatching(/^ferry: error: install a\.conf: .*changed here$/),
      expect.stringMatching(/^ferry: hint: leave it with --keep-local a\.conf/),
      expect.stringMatching(/^ferry: error: ask engine at unix:.*no-engine/),
      expect.stringMatching(/^ferry: hint: start Docker/),
    ]);
    const machine = await site(['import', old.path, '--json'], { env: nowhere });
    expect(machine.status).toBe(3);
    expect(jsonResult(machine)).toMatchObject({
      event: 'error',
      code: 'PREFLIGHT_FAILED',
      exit: 3,
      errors: [
        { code: 'DOWNGRADE', exit: 3, hint: expect.stringContaining('--allow-downgrade') },
        { code: 'LOCAL_EDIT', exit: 1, message: expect.stringContaining('a.conf') },
        { code: 'ENGINE_NOT_RUNNING', exit: 5 },
      ],
    });
  });

  it('ends with the status of the first, whatever that is', async () => {
    const { old, next } = await twoReleases();
    await site(['import', old.path]);
    await writeFile(onHost(), 'edited\n');
    const nowhere = { DOCKER_HOST: `unix://${join(lab.dir, 'no-engine')}` };
    const ran = await site(['import', next.path, '--json'], { env: nowhere });
    expect(ran.status).toBe(1);
    expect(jsonResult(ran)).toMatchObject({
      exit: 1,
      errors: [{ code: 'LOCAL_EDIT' }, { code: 'ENGINE_NOT_RUNNING' }],
    });
  });

  it('tells one thing as it always did', async () => {
    const { old, next } = await twoReleases();
    await site(['import', old.path]);
    await writeFile(onHost(), 'edited\n');
    const ran = await site(['import', next.path, '--json']);
    expect(ran.status).toBe(1);
    expect(jsonResult(ran)).toMatchObject({ code: 'LOCAL_EDIT', exit: 1 });
    expect(jsonResult(ran)).not.toHaveProperty('errors');
  });

  it('takes --keep-local and --replace again and again, with a reason', async () => {
    const { old, next } = await twoReleases();
    await site(['import', old.path]);
    await writeFile(onHost(), 'edited\n');
    await writeFile(onHost('b.conf'), 'edited\n');
    const flags = ['--keep-local', 'a.conf', '--replace', 'b.conf'];
    const without = await site(['import', next.path, ...flags]);
    expect(without.status).toBe(2);
    expect(without.stderr).toContain('--keep-local: an override needs --reason TEXT');
    const both = ['--keep-local', 'a.conf', '--keep-local', 'b.conf', '--reason', 'ticket 4711', '--dry-run'];
    expect((await site(['import', next.path, ...both])).stdout.match(/kept as it is here/g)).toHaveLength(2);
    const done = await site(['import', next.path, ...flags, '--reason', 'ticket 4711']);
    expect(done).toMatchObject({ status: 0, stdout: expect.stringMatching(/^ {2}kept as it is here +\S+a\.conf$/m) });
    expect(await readFile(onHost(), 'utf8')).toBe('edited\n');
    expect(await readFile(onHost('b.conf'), 'utf8')).toBe('c\n');
  });

  it('names a file that is not in the bundle', async () => {
    const { old } = await twoReleases();
    const ran = await site(['import', old.path, '--replace', 'z.conf', '--reason', 'ticket 4711']);
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringContaining('"z.conf"') });
  });
});

describe('ferry import --dry-run', () => {
  it('prints the plan, and what changes in files', async () => {
    const { old, next } = await twoReleases();
    await site(['import', old.path]);
    const { status, stdout } = await site(['import', next.path, '--dry-run']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^would install atrium 2\.0\.0 \(sequence 2\)\n {2}to load +registry\S+ +\d+ B to read, in place of /,
    );
    expect(stdout).toMatch(/^ {2}to replace +\S+\/etc\/atrium\/a\.conf$/m);
    expect(stdout).toMatch(/^room in \/.* for .*, .* free$/m);
    expect(stdout).toContain(`--- ${onHost()}\n+++ ${onHost()}\n@@ -1,1 +1,1 @@\n-old\n+new\n`);
    expect(await readFile(onHost(), 'utf8')).toBe('old\n');
    expect(await tagsOf(engine)).toContain(NAME);
  });

  it('has the same as fields with --json', async () => {
    const { next } = await twoReleases();
    const result = jsonResult(await site(['import', next.path, '--dry-run', '--json']));
    expect(result).toMatchObject({
      event: 'result',
      action: 'planned',
      plan: {
        images: [{ name: NAME, action: 'load', bytes: expect.any(Number) }],
        files: [{ path: onHost(), action: 'new', diff: expect.stringContaining('+new') }, { action: 'new' }],
        space: expect.arrayContaining([
          { path: expect.any(String), needed: expect.any(Number), free: expect.any(Number), what: expect.any(String) },
        ]),
      },
    });
  });
});

describe('ferry import', () => {
  it('says what a rollback goes back to', async () => {
    const { old, next } = await twoReleases();
    const first = await site(['import', old.path]);
    expect(first.stdout).toMatch(/^kept +what was here before: ferry rollback goes back to it$/m);
    const ran = await site(['import', next.path, '--json']);
    expect(jsonResult(ran)).toMatchObject({ previous: { sequence: 1, release: '1.0.0' } });
    const again = await site(['import', next.path]);
    expect(again.stdout).not.toMatch(/^kept/m);
  });
});
