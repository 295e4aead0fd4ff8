/**
 * Activation with a real engine and the real docker-compose: a project of two services, brought up, waited for, and
 * where the new release never gets healthy, taken back as far as its data allows.
 */

import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentProgress } from '../../src/content/index.ts';
import type { InstallError } from '../../src/install/error.ts';
import type { ImportOptions } from '../../src/install/index.ts';
import { openState } from '../../src/state/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { idOf, type Lab, type LabBundle, useSite } from './lab.ts';

const PROJECT = 'atrium';
const COMPOSE = '/etc/atrium/compose.yaml';
const [WEB, DB] = ['registry.example/atrium/web:now', 'registry.example/atrium/db:1'];

let engine: TestEngine;
let lab: Lab;
let log: string;

useSite((made) => {
  engine = made.engine;
  lab = made.lab;
  log = join(lab.dir, 'log');
});

/** Sleeps for ever, and ends when it is asked to. */
const SLEEP = ['/bin/busybox', 'sh', '-c', 'trap "exit 0" TERM; busybox sleep 600 & wait'];
const web = (version: number) =>
  makeImage({ name: WEB, busybox: true, cmd: SLEEP, layers: [{ files: { version: String(version) } }] });
const db = () => makeImage({ name: DB, busybox: true, cmd: SLEEP });

const checked = (isHealthy: boolean) => ({
  test: ['CMD', '/bin/busybox', isHealthy ? 'true' : 'false'],
  interval: '0.2s',
  timeout: '2s',
  retries: 1,
});

type Service = Readonly<Record<string, unknown>>;

function composeText(services: Readonly<Record<string, Service>>): string {
  const all = Object.entries(services).map(([name, more]) => [name, { network_mode: 'none', ...more }]);
  return JSON.stringify({ services: Object.fromEntries(all) });
}

interface Made {
  readonly version: number;
  readonly isHealthy?: boolean;
  readonly rule?: 'safe' | 'restore' | 'none';
  readonly services?: Readonly<Record<string, Service>>;
  readonly fields?: object;
}

/** Two services: `web`, which comes with each release, and `db`, which no release changes. */
function release({ version, isHealthy = true, rule, services = {}, fields = {} }: Made): Promise<LabBundle> {
  const images: TestImage[] = [web(version), db()];
  const text = composeText({
    // each check is a process in the engine: only where it matters
    web: { image: WEB, ...(!isHealthy && { healthcheck: checked(false) }) },
    db: { image: DB },
    ...services,
  });
  return lab.release({
    release: `${version}.0.0`,
    images,
    files: [{ name: 'compose.yaml', text, install: COMPOSE }],
    fields: {
      compose: { project: PROJECT, file: 'compose.yaml', health: { timeoutSeconds: isHealthy ? 60 : 1 } },
      ...(rule && { dataRollback: rule }),
      ...fields,
    },
  });
}

const activate = async (made: Made | LabBundle, more: Partial<ImportOptions> = {}) =>
  lab.import('path' in made ? made.path : (await release(made)).path, { activate: true, settleMs: 50, ...more });

/** Service, image and state of each container of the project. */
async function containers(): Promise<string[]> {
  const format = '{{.Label "com.docker.compose.service"}} {{.ID}} {{.State}}';
  const lines = await engine.docker(
    'ps',
    '-a',
    '--no-trunc',
    '--filter',
    `label=com.docker.compose.project=${PROJECT}`,
    '--format',
    format,
  );
  const told = lines
    .split('\n')
    .filter(Boolean)
    .map(async (line) => {
      const [service, id = '', state] = line.split(' ');
      const image = await engine.docker('inspect', '--format', '{{.Image}}', id);
      return `${service} ${image} ${state}`;
    });
  return (await Promise.all(told)).toSorted();
}

const containerID = (service: string) =>
  engine.docker('ps', '-aq', '--no-trunc', '--filter', `label=com.docker.compose.service=${service}`);
const imageIDOf = ({ platform }: TestImage) => platform.config.digest;
const running = (version: number) => [`db ${imageIDOf(db())} running`, `web ${imageIDOf(web(version))} running`];
const current = async () => (await (await openState(lab.stateDir)).findCurrentSequence()) ?? 0;
const composeThere = () => readFile(join(lab.prefix, COMPOSE), 'utf8');
const activationOf = async (sequence: number) =>
  JSON.parse(await readFile(join(lab.stateDir, 'releases', String(sequence), 'activation.json'), 'utf8'));
async function audited(): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8')).split('\n').filter(Boolean);
  return lines
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'activation')
    .map(({ facts }) => facts);
}
const marks = async () =>
  (await readdir(join(lab.stateDir, 'releases'), { recursive: true })).filter((name) =>
    name.endsWith('activating.json'),
  );

/** An operator's command that writes down that it ran, with what it was told and what it saw. */
async function command(name: string, script = ''): Promise<string> {
  const path = join(lab.dir, name);
  const text = `#!/bin/sh
echo "${name} $FERRY_PRODUCT $FERRY_RELEASE $FERRY_SEQUENCE $FERRY_TRANSACTION" >>${log}
${script}
`;
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

const logged = async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').filter(Boolean);

async function policy(fields: object): Promise<void> {
  await writeFile(join(lab.stateDir, 'site.yaml'), JSON.stringify(fields));
}

/** Notes of an import that ends in an error. */
function listening() {
  const notes: string[] = [];
  return { notes, progress: { ...silentProgress, note: (line: string) => void notes.push(line) } };
}

describe('import --activate', () => {
  it('brings the services up and waits until they are healthy', async () => {
    const { activation, sequence } = await activate({
      version: 1,
      services: { web: { image: WEB, healthcheck: checked(true) } },
    });
    expect(activation).toBe('healthy');
    expect(await containers()).toEqual(running(1));
    expect(await engine.docker('inspect', '--format', '{{.State.Health.Status}}', await containerID('web'))).toBe(
      'healthy',
    );
    expect(await activationOf(sequence ?? 0)).toMatchObject({ result: 'healthy', at: '2026-11-23T12:00:00.000Z' });
    expect(await audited()).toEqual([{ result: 'healthy', release: '1.0.0', sequence }]);
    expect(await marks()).toEqual([]);
  });

  it('without it touches no container, and names the command; given later it runs what is installed', async () => {
    await activate({ version: 1 });
    const untouched = await containerID('db');
    const bundle = await release({ version: 2 });
    const installed = await lab.import(bundle.path);
    expect(installed.activation).toBeUndefined();
    const line = `docker compose --project-name atrium --file ${lab.prefix}${COMPOSE} up --detach`;
    expect(installed.activate?.join(' ')).toBe(line);
    expect(await containers()).toEqual(running(1));
    const { action, activation, bytesRead } = await activate(bundle);
    expect({ action, activation, bytesRead }).toEqual({ action: 'present', activation: 'healthy', bytesRead: 0 });
    expect(await containers()).toEqual(running(2));
    expect(await containerID('db')).toBe(untouched);
  });

  it('makes a container again that mounts a changed file by itself, and leaves services alone that are gone', async () => {
    const made = async (version: number, text: string, services: Readonly<Record<string, Service>>) => {
      const db = { image: DB, volumes: [`${lab.prefix}/etc/atrium/db.conf:/db.conf`] };
      const files = [
        { name: 'compose.yaml', text: composeText({ web: { image: WEB }, db, ...services }), install: COMPOSE },
        { name: 'db.conf', text, install: '/etc/atrium/db.conf' },
      ];
      const fields = { compose: { project: PROJECT, file: 'compose.yaml' } };
      return lab.release({
        release: `${version}.0.0`,
        images: [web(1), makeImage({ name: DB, busybox: true, cmd: SLEEP })],
        files,
        fields,
      });
    };
    await activate(await made(1, 'old', { former: { image: DB } }));
    const before = await containerID('db');
    const { recreate, warnings } = await activate(await made(2, 'new', {}));
    expect(await containerID('db')).not.toBe(before);
    expect(await engine.docker('exec', await containerID('db'), '/bin/busybox', 'cat', '/db.conf')).toBe('new');
    expect(recreate).toBeUndefined();
    expect(warnings).toContain('former is no service of this release and runs on: docker rm --force atrium_former_1');
  });
});

describe('import --activate of a release that never gets healthy', () => {
  const bad = (rule?: Made['rule'], more: Partial<Made> = {}) => ({
    version: 2,
    isHealthy: false,
    ...(rule && { rule }),
    ...more,
  });

  it('safe: goes back, images, files and containers', async () => {
    await activate({ version: 1 });
    const [file, untouched] = [await composeThere(), await containerID('db')];
    const services = { extra: { image: DB } };
    await expect(activate(bad('safe', { services }))).rejects.toMatchObject({
      code: 'ACTIVATION_FAILED',
      message: expect.stringMatching(
        /^run release 2\.0\.0: expected all services to be up, got not up after 1 s: web is (unhealthy|starting)$/,
      ),
      hint: 'the former release is back, its containers too',
    });
    expect(await containers()).toEqual(running(1));
    expect(await idOf(engine, WEB)).toBe(imageIDOf(web(1)));
    expect([await composeThere(), await containerID('db'), await current()]).toEqual([file, untouched, 1]);
    expect(await engine.docker('images', '-q', '--filter', 'dangling=true')).toBe('');
    expect(await marks()).toEqual([]);
  });

  it('safe, at the first import: nothing of the project is left', async () => {
    const services = { extra: { image: DB } };
    await expect(activate({ ...bad('safe', { services }), version: 1 })).rejects.toMatchObject({
      code: 'ACTIVATION_FAILED',
      hint: 'everything is as it was before',
    });
    expect(await containers()).toEqual([]);
    expect(await current()).toBe(0);
    await expect(composeThere()).rejects.toThrow('ENOENT');
  });

  it('safe: what did not run before does not run afterwards', async () => {
    await lab.import((await release({ version: 1 })).path);
    await expect(activate(bad('safe'))).rejects.toMatchObject({ code: 'ACTIVATION_FAILED' });
    expect(await containers()).toEqual([]);
    expect(await current()).toBe(1);
  });

  it('restore: backs up first, stops new code, puts the backup back, and then all is back', async () => {
    const seen = join(lab.dir, 'seen');
    const look = `docker ps --format '{{.Label "com.docker.compose.service"}}' >${seen}`;
    await policy({ backup: [await command('backup')], restore: [await command('restore', look), '--last'] });
    await activate({ version: 1 });
    await expect(activate(bad('restore'))).rejects.toMatchObject({ code: 'ACTIVATION_FAILED' });
    expect(await containers()).toEqual(running(1));
    expect(await idOf(engine, WEB)).toBe(imageIDOf(web(1)));
    const [backedUp, restored, ...more] = await logged();
    expect(more).toEqual([]);
    expect(backedUp).toMatch(/^backup atrium 2\.0\.0 2 [0-9a-f]{12}$/);
    expect(restored).toBe(backedUp?.replace('backup', 'restore'));
    expect(await readFile(seen, 'utf8')).toBe('db\n');
  });

  it('restore: never starts old code on new data where nothing puts the data back', async () => {
    await policy({ backup: [await command('backup')] });
    await activate({ version: 1 });
    const file = await composeThere();
    const { notes, progress } = listening();
    await expect(activate(bad('restore'), { progress })).rejects.toMatchObject({
      code: 'ACTIVATION_FAILED',
      hint: expect.stringContaining('; restore the backup, then run: '),
      facts: { left: [expect.stringContaining('; restore the backup, then run: ')] },
    });
    expect(await containers()).toEqual([`db ${imageIDOf(db())} running`, `web ${imageIDOf(web(2))} exited`]);
    expect(await idOf(engine, WEB)).toBe(imageIDOf(web(1)));
    expect([await composeThere(), await current()]).toEqual([file, 1]);
    const up = `docker compose --project-name atrium --file ${lab.prefix}${COMPOSE} up --detach`;
    const told = notes.find((line) => line.includes('the containers of atrium are stopped'));
    expect(told).toContain(`restore the backup, then run: ${up}`);
    expect(await activationOf(1)).toMatchObject({ result: 'failed', why: told });
    expect(await marks()).toEqual([]);
  });

  it('restore: old containers are back without a restore when the new ones never ran', async () => {
    await policy({ backup: [await command('backup')] });
    await activate({ version: 1 });
    const services = { web: { image: 'registry.example/atrium/absent:1' } };
    await expect(activate(bad('restore', { services }))).rejects.toMatchObject({
      code: 'ACTIVATION_FAILED',
      message: expect.stringContaining('expected image registry.example/atrium/absent:1'),
    });
    expect(await containers()).toEqual(running(1));
    expect(await activationOf(1)).toMatchObject({ result: 'healthy' }); // nothing is left for a person
  });

  it('nothing said, which is none: stops, says so, and the new release stays', async () => {
    await activate({ version: 1 });
    await expect(activate(bad())).rejects.toMatchObject({
      code: 'ACTIVATION_FAILED',
      hint: expect.stringMatching(/^the release stays installed .*`ferry rollback` brings/),
    });
    expect(await containers()).toEqual(running(2));
    expect(await idOf(engine, WEB)).toBe(imageIDOf(web(2)));
    expect(await current()).toBe(2);
    expect(await activationOf(2)).toMatchObject({ result: 'failed', why: expect.stringContaining('web is') });
    expect(await marks()).toEqual([]);
    const lines = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
    expect(lines).toMatch(/"event":"import","facts":\{[^}]*"result":"installed","sequence":2/);
  });

  it('none, and nothing is kept to go back to: no rollback is offered', async () => {
    await activate({ version: 1 });
    const error = await activate(bad(), { keep: 1 }).catch((thrown: InstallError) => thrown);
    expect(error).toMatchObject({ code: 'ACTIVATION_FAILED', hint: expect.not.stringContaining('rollback') });
  });

  it('installed before: nothing goes back, whatever its data allows', async () => {
    await activate({ version: 1 });
    const bundle = await release(bad('safe'));
    await lab.import(bundle.path);
    await expect(activate(bundle)).rejects.toMatchObject({
      code: 'ACTIVATION_FAILED',
      hint: expect.stringContaining('stays'),
    });
    expect(await containers()).toEqual(running(2));
    expect(await current()).toBe(2);
  });
});

describe('import --activate is refused before anything changes', () => {
  const nothing = async () => {
    expect(await containers()).toEqual([]);
    expect(await current()).toBe(0);
    expect(await engine.docker('images', '-q')).toBe('');
  };

  it('for a release without a compose project', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [web(1)] });
    await expect(lab.import(path, { activate: true })).rejects.toMatchObject({ code: 'NOTHING_TO_ACTIVATE' });
    await nothing();
  });

  it('for a catalogue', async () => {
    await expect(lab.import(await lab.catalogue(), { activate: true })).rejects.toMatchObject({
      code: 'NOTHING_TO_ACTIVATE',
    });
  });

  it('for a release that wants a backup, where site.yaml has none', async () => {
    await expect(activate({ version: 1, rule: 'restore' })).rejects.toMatchObject({ code: 'BACKUP_MISSING' });
    await nothing();
  });

  it('for a backup that is not there', async () => {
    await policy({ backup: ['/nowhere/backup'] });
    await expect(activate({ version: 1, rule: 'restore' })).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringContaining('/nowhere/backup'),
    });
    await nothing();
  });

  it('and a backup that fails puts everything back', async () => {
    await policy({ backup: [await command('backup', 'echo disk full >&2; exit 1')] });
    await expect(activate({ version: 1, rule: 'restore' })).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringMatching(/^back up the data: expected .*backup to succeed, got status 1: "disk full"$/),
    });
    await nothing();
  });
});

describe('site.yaml', () => {
  const conf = { name: 'a.conf', text: 'a', install: '/srv/shared/a.conf' };

  it('widens where a release may write', async () => {
    const { path } = await lab.release({ release: '1.0.0', files: [conf], images: [db()] });
    await expect(lab.import(path)).rejects.toMatchObject({ code: 'DESTINATION_FORBIDDEN' });
    await policy({ folders: ['/srv/shared'] });
    await lab.import(path);
    expect(await readFile(join(lab.prefix, conf.install), 'utf8')).toBe('a');
  });

  it('stops an import by its line when it is wrong, before anything changes', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [db()] });
    await writeFile(join(lab.stateDir, 'site.yaml'), 'folders:\n  - /etc\n');
    await expect(lab.import(path)).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      message: `read site policy: ${lab.stateDir}/site.yaml:2: folders[0]: expected a folder of its own below that, got /etc`,
    });
    await rm(join(lab.stateDir, 'site.yaml'));
    await lab.import(path);
  });
});
