// Where a passphrase comes from, and when nobody is asked for one. scrypt has little work here.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorkspace, openWorkspace, publish, rotateKey } from '../../src/workspace/index.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import { proposal } from '../support/proposals.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-passphrase-'));
  const passphrase = async () => 'open sesame';
  const { workspace } = await createWorkspace(join(dir, 'office'), {
    product: 'demo',
    passphrase,
    workFactor: 10,
    now: NOW,
  });
  await publish(workspace, { release: proposal('a') });
  await mkdir(join(dir, 'stick'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

function office(line: string, options: Parameters<typeof runMain>[1] = {}) {
  return runMain(line.split(' '), { cwd: dir, ...options, env: { FERRY_WORKSPACE: 'office' } });
}

describe('no passphrase is needed', () => {
  it.each(['keys list', 'catalogue list', 'catalogue export --out stick'])(
    'for %s, while nothing must be signed',
    async (line) => {
      expect(await office(line)).toMatchObject({ status: 0, stderr: '' });
    },
  );
});

describe('--passphrase-file', () => {
  it.each([
    ['one line', 'open sesame'],
    ['a line with its end', 'open sesame\n'],
    ["a line with Windows' end", 'open sesame\r\n'],
  ])('takes %s', async (_what, text) => {
    await writeFile(join(dir, 'pass'), text);
    expect((await office('catalogue revoke 1 --passphrase-file pass')).status).toBe(0);
  });

  it('takes no more off than the end of the line', async () => {
    await writeFile(join(dir, 'pass'), 'open sesame \n');
    const ran = await office('catalogue revoke 1 --passphrase-file pass --json');
    expect(jsonResult(ran)).toMatchObject({
      code: 'WRONG_PASSPHRASE',
      exit: 3,
      message: `open key ${dir}/office/keys/targets-1.age: expected its passphrase, got another`,
    });
    expect(ran.stdout).not.toContain('sesame');
  });

  it.each(['', '\n'])('that is empty (%j) is refused, also for new keys', async (text) => {
    await writeFile(join(dir, 'pass'), text);
    for (const line of ['catalogue revoke 1', 'init new --product demo']) {
      const ran = await office(`${line} --passphrase-file pass`);
      expect(ran).toMatchObject({ status: 3, stdout: '' });
      expect(ran.stderr).toMatch(/^ferry: error: read passphrase: pass: it is empty\nferry: hint: /);
    }
    expect((await readdir(dir)).toSorted()).toEqual(['office', 'pass', 'stick']);
  });

  it('that is not there is named', async () => {
    expect((await office('catalogue revoke 1 --passphrase-file gone')).stderr).toContain(
      'ferry: error: read the passphrase file: gone: ENOENT\n',
    );
  });
});

describe('the terminal', () => {
  it('is asked once for all keys, and an empty answer is refused', async () => {
    const { questions, status } = await office('keys rotate timestamp', { answers: ['open sesame'] });
    expect({ questions, status }).toEqual({ status: 0, questions: ["passphrase for the workspace's keys: "] });
    expect(await office('keys rotate timestamp', { answers: [''] })).toMatchObject({ status: 3 });
    expect(await office('init new --product demo', { answers: [''] })).toMatchObject({ status: 3 });
  });

  it('is asked by a holder for the key that signs, by its place', async () => {
    const safe = join(dir, 'safe');
    await createWorkspace(join(dir, 'two'), {
      product: 'demo',
      rootKeysDir: safe,
      thresholds: { root: { threshold: 2, holders: 2 } },
      passphrase: async () => 'open sesame',
      workFactor: 10,
      now: NOW,
    });
    const away = join(dir, 'away');
    const workspace = await openWorkspace(join(dir, 'two'), {
      rootKeysDir: away,
      passphrase: async () => 'open sesame',
      workFactor: 10,
      now: NOW,
    });
    const change = await rotateKey(workspace, 'timestamp');
    if (change.status !== 'open') throw new Error('expected a request');
    const { questions, status } = await office(`keys sign ${change.request} --keys safe --yes`, {
      answers: ['open sesame'],
    });
    expect({ questions, status }).toEqual({ status: 0, questions: [`passphrase for ${safe}: `] });
  });
});
