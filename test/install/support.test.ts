/** The support folder: what helps is in it, and none of the secrets that a site may have, wherever they got to. */

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/docker/index.ts';
import { initSite, type SupportOptions, writeSupport } from '../../src/install/index.ts';
import { findSiteIdentity } from '../../src/site/index.ts';
import { findState, openState } from '../../src/state/index.ts';
import { generateKey } from '../../src/trust/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { leakIn } from '../support/secrets.ts';
import { type Lab, NOW, useSite } from './lab.ts';

let engine: TestEngine;
let lab: Lab;
useSite((made: { readonly engine: TestEngine; readonly lab: Lab }) => {
  ({ engine, lab } = made);
});

const support = (options: Partial<SupportOptions> = {}) =>
  writeSupport({
    stateDir: lab.stateDir,
    outDir: join(lab.dir, 'out'),
    engine: lab.connect,
    version: '0.1.0',
    secrets: [],
    now: NOW,
    ...options,
  });

/** Every text below a folder, by its path. */
async function textsOf(dir: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (path) => [path.slice(dir.length + 1), await readFile(path, 'utf8')]),
  );
  return Object.fromEntries(texts);
}

const LICENCE = 'ATRIUM-LICENCE site 4711 until 2028\nQ2FmZUJhYmVGZWVkRGVhZEJlZWY5OTc3\n';
const TLS_KEY = generateKey().privatePEM;
/** Of a request for a certificate. */
const WAITING_KEY = generateKey().privatePEM;
const AGE_KEY = 'AGE-SECRET-KEY-1QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQ';
const PASSPHRASE = 'correct horse battery staple';
const GITHUB_TOKEN = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
const REGISTRY_PASSWORD = 'hunter2-registry';
const ENVIRONMENT_TOKEN = 'no form that anybody knows';
const BACKUP_PASSWORD = 'pgpassword77';

const image = makeImage({ name: 'ghcr.io/atrium/server:1', layers: [{ files: { a: 'a' } }] });

async function install(): Promise<void> {
  const identity = await findSiteIdentity((await findState(lab.stateDir)) as never);
  const site = identity?.site ?? '';
  const made = await lab.release({
    release: '1.0.0',
    images: [image],
    files: [{ name: 'compose.yaml', text: 'services: {}\n', install: '/etc/atrium/compose.yaml' }],
    sites: {
      [site]: [
        { name: 'license.blob', text: LICENCE, role: 'license', install: '/etc/atrium/license.blob', mode: '0600' },
        { name: 'privkey.pem', text: TLS_KEY, role: 'file', install: '/etc/atrium/privkey.pem', mode: '0600' },
      ],
    },
  });
  await lab.import(made.path);
}

describe('writeSupport', () => {
  it('tells what is here, in a folder for its owner alone', async () => {
    await install();
    await expect(lab.import(join(lab.dir, 'none.ferry.tar'))).rejects.toThrow();
    const { dir, files, warnings } = await support();
    expect(dir).toMatch(/\/out\/ferry-support-[0-9a-f]{16}-20261123T120000Z$/);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect(warnings).toEqual([]);
    expect(files).toEqual([
      ...['audit.json', 'disk.json', 'engine.json', 'errors.json', 'releases/0/installed.json'],
      ...['releases/1/installed.json', 'releases/1/receipt.json', 'state-files.json', 'status.json', 'versions.json'],
    ]);
    const texts = await textsOf(dir);
    expect(Object.keys(texts).toSorted()).toEqual(files);
    const json = (name: string) => JSON.parse(texts[name] ?? '');
    expect(json('status.json')).toMatchObject({ release: '1.0.0', images: [{ ok: true }], attention: [] });
    expect(json('engine.json')).toMatchObject({
      ...{ socket: engine.host, store: 'classic', dataRoot: engine.dataRoot },
      images: [{ tags: [image.name] }],
      containers: [{ state: 'created', pin: expect.stringMatching(/^release [0-9a-f]{16} 1$/) }],
    });
    expect(json('errors.json')).toMatchObject([{ event: 'refusal', facts: { code: 'MEDIUM_ABSENT' } }]);
    expect(json('audit.json')).toHaveLength(3);
    expect(json('disk.json')).toContainEqual(expect.objectContaining({ path: lab.stateDir, free: expect.any(Number) }));
    expect(json('state-files.json')).toContainEqual(
      expect.objectContaining({ path: 'identity/sign.pem', kind: 'file', mode: '0600' }),
    );
    expect(json('versions.json')).toMatchObject({ ferry: '0.1.0', node: process.version });
    // a receipt is signed: one that says no secret is there as it was signed
    const receipt = await readFile(join(lab.stateDir, 'releases/1/receipt.json'), 'utf8');
    expect(json('releases/1/receipt.json')).toEqual(JSON.parse(receipt));
    for (const name of files) expect((await stat(join(dir, name))).mode & 0o777, name).toBe(0o600);
  });

  it('has the name of the site and the public half of its age key, which travel in its card', async () => {
    await initSite({ stateDir: lab.stateDir, name: 'plant 1', now: NOW });
    const identity = await findSiteIdentity((await findState(lab.stateDir)) as never);
    const state = await openState(lab.stateDir);
    const facts = { code: 'X', message: `plant 1 is sealed for ${identity?.age?.recipient}, by plant 10` };
    await state.appendAudit({ event: 'refusal', at: NOW, facts });
    const texts = await textsOf((await support()).dir);
    expect(JSON.parse(texts['status.json'] ?? '')).toMatchObject({ site: identity?.site, name: 'plant 1' });
    expect(JSON.parse(texts['errors.json'] ?? '')).toMatchObject([{ facts }]);
    expect(leakIn(JSON.stringify(texts))).toBeUndefined();
  });

  it('is refused where a folder of that name is', async () => {
    await support();
    await expect(support()).rejects.toMatchObject({ code: 'NAME_TAKEN' });
  });

  it('says what cannot be read and writes the rest', async () => {
    await install();
    await writeFile(join(lab.stateDir, 'journal.json'), 'torn');
    const nowhere = () => connectEngine({ env: { DOCKER_HOST: `unix://${lab.dir}/none.sock` } });
    const { files, warnings } = await support({ engine: nowhere });
    expect(warnings).toEqual([expect.stringMatching(/^engine\.json: /), expect.stringMatching(/^journal\.json: /)]);
    expect(files).toContain('status.json');
    expect(files).toContain('disk.json');
    expect(files).not.toContain('engine.json');
  });

  it('works on a host without a state', async () => {
    const { files, dir } = await support({ stateDir: join(lab.dir, 'nothing') });
    expect(dir).toContain('ferry-support-unknown-');
    expect(files).toEqual(['disk.json', 'engine.json', 'status.json', 'versions.json']);
  });
});

describe('secrets', () => {
  const planted = [
    LICENCE,
    TLS_KEY,
    WAITING_KEY,
    AGE_KEY,
    PASSPHRASE,
    GITHUB_TOKEN,
    REGISTRY_PASSWORD,
    ENVIRONMENT_TOKEN,
    BACKUP_PASSWORD,
  ].join('\n');
  /** Whatever can stand on one line of canonical JSON. */
  const oneLine = (text: string) => text.replaceAll('\n', ' ').trim();

  beforeEach(async () => {
    await install();
    const state = await openState(lab.stateDir);
    await state.writeIdentity('age.key', Buffer.from(`# created: 2026\n${AGE_KEY}\n`));
    await state.writeIdentity(`tls/${'a'.repeat(64)}.pem`, Buffer.from(WAITING_KEY));
    // a line of it, without what tells that it is one
    const waiting = WAITING_KEY.split('\n')[1] ?? '';
    const identity = await state.findIdentity('sign.pem');
    const age = `${await state.findIdentity('age.txt')}`.split('\n').at(-2) ?? '';
    await state.appendAudit({
      event: 'override',
      at: NOW,
      facts: { flag: '--replace', reason: `login ${GITHUB_TOKEN}, passphrase: "${PASSPHRASE}"` },
    });
    await state.appendAudit({
      event: 'refusal',
      at: NOW,
      facts: {
        code: 'X',
        message: oneLine(
          `GET https://robot:${REGISTRY_PASSWORD}@ghcr.io/v2/: ${waiting}; read ${LICENCE} and ${TLS_KEY} and ${identity} ${AGE_KEY} ${age} ${age.slice(16)}; said ${ENVIRONMENT_TOKEN}`,
        ),
      },
    });
    const why = oneLine(`web-1: POSTGRES_PASSWORD=${BACKUP_PASSWORD} Authorization: Bearer ${GITHUB_TOKEN} ${LICENCE}`);
    await state.putReleaseDocument(
      { sequence: 1, name: 'activation.json' },
      { result: 'failed', at: NOW.toISOString(), why },
    );
    await state.writeJournal({
      id: '0123456789ab',
      command: 'import',
      title: `import of https://robot:${REGISTRY_PASSWORD}@ghcr.io`,
      prefix: lab.prefix,
      started: NOW.toISOString(),
      steps: [
        {
          kind: 'backup',
          name: 'back up the data',
          data: { words: ['/usr/bin/pg_dump', BACKUP_PASSWORD, PASSPHRASE], product: 'atrium' },
        },
      ],
      at: 0,
      direction: 'back',
      reason: oneLine(`got ${TLS_KEY} ${AGE_KEY} ${ENVIRONMENT_TOKEN}`),
    });
    await writeFile(join(lab.stateDir, 'site.yaml'), `backup: [/usr/bin/pg_dump, ${BACKUP_PASSWORD}]\n`);
    await mkdir(join(lab.stateDir, 'releases/1/kept'), { recursive: true });
    await writeFile(join(lab.stateDir, 'releases/1/kept', 'a'.repeat(64)), planted.replace(WAITING_KEY, ''));
  });

  it('of every kind are nowhere in the folder, nor in what is said about it', async () => {
    const refusing = () =>
      connectEngine({ env: { DOCKER_HOST: `tcp://robot:${REGISTRY_PASSWORD}@127.0.0.1:1`, GHCR_TOKEN: GITHUB_TOKEN } });
    const results = [await support({ secrets: [ENVIRONMENT_TOKEN] })];
    results.push(await support({ secrets: [ENVIRONMENT_TOKEN], engine: refusing, outDir: join(lab.dir, 'again') }));
    const identity = await readFile(join(lab.stateDir, 'identity/sign.pem'), 'utf8');
    const age = (await readFile(join(lab.stateDir, 'identity/age.txt'), 'utf8')).split('\n').at(-2) ?? '';
    expect(age).toMatch(/^AGE-SECRET-KEY-1/);
    const lines = `${planted}\n${identity}\n${age}\n${age.slice(16)}`
      .split('\n')
      .filter((line) => line.length > 2 && !line.startsWith('-----'));
    expect(lines.length).toBeGreaterThan(9);
    for (const result of results) {
      const texts = { ...(await textsOf(result.dir)), said: JSON.stringify(result) };
      expect(Object.keys(texts)).toContain('journal.json');
      for (const [name, text] of Object.entries(texts)) {
        for (const secret of lines) expect(text.includes(secret), `${secret} in ${name}: ${text}`).toBe(false);
      }
      expect(texts).toMatchObject({ 'journal.json': expect.stringContaining('back up the data') });
    }
  });
});
