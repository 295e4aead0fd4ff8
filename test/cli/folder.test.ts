// A folder imported by a person: what is asked, what is shown, and the last two things that are said.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sealFor } from '../../src/seal/index.ts';
import { fingerprint } from '../../src/trust/index.ts';
import { createLab, emptyEngine, type Lab } from '../install/lab.ts';
import { FERRY, jsonResult, runMain } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { licenseIssuer } from '../support/licenses.ts';
import { plant } from '../support/secrets.ts';
import { atTerminal } from '../support/terminal.ts';

const APP = makeImage({ name: 'registry.example/atrium/app:1', layers: [{ files: { app: '1' } }] });
const PLACE = '/etc/atrium/license.blob';
const issuer = licenseIssuer();

let engine: TestEngine;
let lab: Lab;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(() => engine.stop());

beforeEach(async () => {
  lab = await createLab(engine);
});

afterEach(async () => {
  await lab.remove();
  await emptyEngine(engine);
});

const environment = () => ({ FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: engine.host });

function site(argv: readonly string[], options: Parameters<typeof runMain>[1] = {}) {
  return runMain(argv, { cwd: lab.dir, ...options, env: environment() });
}

const words = () => fingerprint(lab.publisher.root).words.join(' ');

const release = (name = '1.0.0') => {
  const files = [{ name: 'compose.yaml', text: 'services: {}\n', install: '/etc/atrium/compose.yaml' }];
  const fields = { license: { install: PLACE, publicKey: issuer.publicDER } };
  return lab.release({ release: name, images: [APP], files, fields });
};

/** A licence for this site, sealed: valid for so many days. */
async function overlay(days: number): Promise<string> {
  const identity = await lab.identity();
  const exp = Date.parse('2026-11-23T12:00:00Z') / 1000 + days * 86_400;
  const bytes = await sealFor(
    Buffer.from(plant(issuer.issue({ product: 'atrium', sub: 'Demo Ltd', exp }))),
    identity.age.recipient,
  );
  return lab.overlay(identity.site, [{ name: 'license.blob.age', role: 'license', text: '', bytes, sealed: true }]);
}

describe('the first visit', () => {
  it('asks for the words, shows the plan, asks once, and ends with the status and the stick', async () => {
    await release();
    const ran = await site(['import', 'medium'], { answers: [words(), 'yes'] });
    expect(ran).toMatchObject({
      status: 0,
      questions: ['the 12 words or 64 digits from the approval sheet: ', 'go on? [y/N] '],
    });
    expect(ran.stderr).toMatch(/^would install atrium 1\.0\.0 \(sequence 1\)$/m);
    expect(ran.stderr).toMatch(/^ {2}to load +registry\.example\/atrium\/app:1 +[\d.]+ k?B to read$/m);
    expect(ran.stderr).toMatch(/^ {2}to add +.*\/etc\/atrium\/compose\.yaml$/m);
    const lines = ran.stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('installed atrium 1.0.0 (sequence 1)');
    expect(lines).toContain('atrium 1.0.0 (sequence 1), installed 2026-11-23');
    expect(lines.at(-1)).toBe('safe to unmount medium');
  });

  it.each(['', 'n', 'no', 'yesterday'])('changes nothing when the answer is "%s"', async (answer) => {
    await release();
    const ran = await site(['import', 'medium'], { answers: [words(), answer] });
    expect({ status: ran.status, stdout: ran.stdout }).toEqual({ status: 3, stdout: '' });
    expect(ran.stderr).toContain('ferry: hint: nothing was installed or changed');
    expect(await engine.docker('images', '-q')).toBe('');
  });

  it('asks nothing with --yes, or where nobody is', async () => {
    await release();
    const given = ['--fingerprint', words()];
    const ran = await site(['import', 'medium', '--yes', ...given], { answers: [] });
    expect(ran).toMatchObject({ status: 0, questions: [] });
    expect(ran.stdout).toMatch(/\nsafe to unmount medium\n$/);
    expect((await site(['import', 'medium'])).status).toBe(0);
  });

  it('at a true terminal', async () => {
    await release();
    const env = Object.entries(environment()).map(([name, value]) => `${name}=${value}`);
    const shown = await atTerminal(`env TERM=dumb ${env.join(' ')} ${FERRY} import ${lab.medium}`, [
      ['approval sheet:', `${words()}\r`],
      ['go on? [y/N]', 'y\r'],
    ]);
    expect(shown).toContain('installed atrium 1.0.0 (sequence 1)');
    expect(shown.trimEnd()).toMatch(/safe to unmount \S+medium$/);
  });
});

describe('a later visit', () => {
  beforeEach(async () => {
    const { path } = await release();
    await site(['import', 'medium', '--fingerprint', words()]);
    await rename(path, join(lab.dir, basename(path)));
  });

  it('brings the licence with the release, and the status says until when', async () => {
    await release('2.0.0');
    const beside = await overlay(200);
    const ran = await site(['import', 'medium'], { answers: ['y'] });
    expect(ran.status).toBe(0);
    expect(ran.stderr).toMatch(
      /^ {2}to add +\S+license\.blob +licence of Demo Ltd valid until 2027-06-11, not shown: /m,
    );
    expect(ran.stdout).toContain(`\noverlay           ${beside}\n`);
    expect(ran.stdout).toMatch(/^licence +valid until 2027-06-11/m);
    expect(await readFile(join(lab.prefix, PLACE), 'utf8')).toMatch(/^eyJ/);
  });

  it('is JSON with --json: one result, no status, no question', async () => {
    await release('2.0.0');
    const beside = await overlay(200);
    const ran = await site(['import', 'medium', '--json', '--yes']);
    expect(jsonResult(ran)).toMatchObject({
      event: 'result',
      action: 'installed',
      overlay: beside,
      safeToUnmount: true,
    });
  });

  it('writes what is in a sealed licence to its own place and nowhere else, whatever is traced of the process', async () => {
    const path = await overlay(200);
    const log = join(lab.dir, 'calls');
    const calls = ['-e', 'trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg', '-s', '1000000'];
    const env = { PATH: process.env['PATH'], ...environment() };
    const child = spawn('strace', ['-f', '-qq', '-y', ...calls, '-o', log, FERRY, 'import', path], {
      env,
      stdio: 'ignore',
    });
    expect(await once(child, 'exit')).toEqual([0, null]);
    const [, payload = ''] = (await readFile(join(lab.prefix, PLACE), 'utf8')).split('.');
    const written = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes(payload));
    expect(written.map((line) => /<(\/[^>]*)>/.exec(line)?.[1]?.replace(/\.\.[0-9a-f]{12}/, '..'))).toEqual([
      `${lab.prefix}/etc/atrium/../license.blob`,
    ]);
  });

  it('takes a shorter licence with --allow-shorter and a reason alone', async () => {
    await site(['import', await overlay(200)]);
    const shorter = await overlay(100);
    const refused = await site(['import', shorter]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('ferry: hint: take it with --allow-shorter, or keep the installed one with');
    expect((await site(['import', shorter, '--allow-shorter'])).status).toBe(2);
    const reason = ['--reason', 'the vendor took it back'];
    expect((await site(['import', shorter, '--allow-shorter', ...reason])).status).toBe(0);
    expect((await site(['audit', 'list'])).stdout).toContain('--allow-shorter');
  });

  it('refuses an overlay of another site with status 3, and names this one', async () => {
    const foreign = await lab.overlay('0123456789abcdef', [{ name: 'license.blob', role: 'license', text: 'x' }]);
    const { status, stderr } = await site(['import', foreign]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/expected one for site [0-9a-f]{16}, got one for site 0123456789abcdef\n/);
  });
});
