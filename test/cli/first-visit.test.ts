// The first visit and the next one with the real executable: carried on the medium, put there by hand once, and from
// then on installed by itself. The engine and the registry are real; the host is what stands below a prefix.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VERSION } from '../../src/cli/version.ts';
import { flip } from '../install/lab.ts';
import { jsonResult, type Ran, runMain } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { builtFerry } from '../support/executable.ts';
import { generatedLayer, pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { withoutSecrets } from '../support/secrets.ts';

const NEXT = '9.9.9';

let registry: TestRegistry;
let engine: TestEngine;
let dir: string;
/** The bundles, and the fingerprint of the approval sheet. */
let [first, next, fingerprint] = ['', '', ''];

const host = (path: string) => join(dir, 'host', path);

beforeAll(async () => {
  [registry, engine, dir] = await Promise.all([
    startRegistry(),
    startEngine(),
    mkdtemp(join(tmpdir(), 'ferry-visit-')),
  ]);
  const made = await atOffice('init office --product demo --no-passphrase');
  fingerprint = (made['fingerprint'] as { hex: string }).hex;
  first = await exported('1', '', await builtFerry());
  next = await exported('2', `, version: ${NEXT}`, await builtFerry(NEXT));
  // a host with systemd, to which a person has copied what lies on the medium: install -m 755
  for (const folder of ['usr/bin', 'run/systemd/system']) await mkdir(host(folder), { recursive: true });
  await cp(await builtFerry(), host('usr/bin/ferry'));
}, 120_000);

afterAll(async () => {
  await Promise.all([engine?.stop(), registry?.stop()]);
  await rm(dir, { recursive: true, force: true });
});

async function atOffice(line: string): Promise<Record<string, unknown>> {
  const env = { FERRY_WORKSPACE: 'office', HOME: dir };
  const ran = await runMain([...line.split(' '), '--json'], { cwd: dir, env });
  expect({ line, status: ran.status, ...jsonResult(ran) }).toMatchObject({ line, status: 0 });
  return jsonResult(ran);
}

/** Exports a release with an executable; the folder of its bundle. */
async function exported(release: string, version: string, ferry: string): Promise<string> {
  await pushImage(registry, { repository: 'demo/app', tag: release, layers: [generatedLayer(release)] });
  const image = `${registry.host}/demo/app:${release}`;
  const lines = [
    ...['product: demo', `release: "${release}"`, 'platforms: [linux/amd64]', `images: ["${image}"]`],
    `ferry: [{from: ${ferry}, platform: linux/amd64${version}}]`,
  ];
  await writeFile(join(dir, `${release}.yaml`), lines.join('\n'));
  await mkdir(join(dir, release));
  return String((await atOffice(`export ${release}.yaml --out ${release}`))['bundle']);
}

/** What is called `ferry` on the host, as a shell finds it there. */
function ferry(...args: string[]): Promise<Ran> {
  const env = {
    ...{ PATH: `${host('usr/bin')}:/usr/bin:/bin`, HOME: dir, DOCKER_HOST: engine.host },
    ...{ FERRY_STATE: join(dir, 'state'), FERRY_PREFIX: host('') },
  };
  return new Promise((resolve) => {
    execFile('/usr/bin/env', ['ferry', ...args], { env, cwd: dir }, (error, stdout, stderr) =>
      resolve(withoutSecrets({ status: error === null ? 0 : Number(error.code), stdout, stderr })),
    );
  });
}

const versions = () => readdir(host('usr/local/lib/ferry'));
const recoverUnit = () => readFile(host('etc/systemd/system/ferry-recover.service'), 'utf8');

it('is installed by the first visit and by each that brings a newer one, and proves the next before it trusts it', async () => {
  const visit = await ferry('import', first, '--fingerprint', fingerprint, '--json');
  expect({ ...visit, ...jsonResult(visit) }).toMatchObject({
    status: 0,
    action: 'installed',
    ferry: { version: VERSION, action: 'installed', link: host('usr/bin/ferry') },
  });
  expect(await readlink(host('usr/bin/ferry'))).toBe(`../local/lib/ferry/${VERSION}/ferry`);
  expect(await readdir(host('usr/bin'))).toEqual(['ferry']);
  expect(await readdir(host(`usr/local/lib/ferry/${VERSION}`))).toEqual(['ferry']);
  expect((await ferry('--version')).stdout).toBe(`${VERSION}\n`);
  const again = await ferry('import', first, '--json');
  expect(jsonResult(again)).toMatchObject({ action: 'present', ferry: { action: 'same' } });

  await flip(next, 'files/ferry-linux-x64');
  const refused = await ferry('import', next, '--json');
  expect({ ...refused, ...jsonResult(refused) }).toMatchObject({ status: 4, code: 'DAMAGED' });
  expect(await versions()).toEqual([VERSION]);
  await flip(next, 'files/ferry-linux-x64');

  const planned = await ferry('import', next, '--dry-run');
  expect(planned.stdout).toContain(`to install  ferry ${NEXT} → ${host('usr/bin/ferry')}`);
  const second = await ferry('import', next, '--json');
  expect({ ...second, ...jsonResult(second) }).toMatchObject({ status: 0, ferry: { version: NEXT } });
  expect((await ferry('--version')).stdout).toBe(`${NEXT}\n`);
  expect((await versions()).toSorted()).toEqual([VERSION, NEXT].toSorted());

  const back = await ferry('rollback', '--yes', '--json');
  expect({ ...back, ...jsonResult(back) }).toMatchObject({ status: 0, release: '1' });
  const status = jsonResult(await ferry('status', '--json'));
  expect(status).toMatchObject({
    release: '1',
    ferry: { version: NEXT, path: host(`usr/local/lib/ferry/${NEXT}/ferry`) },
  });
  const older = await ferry('import', first, '--json');
  expect(jsonResult(older)).toMatchObject({ ferry: { action: 'kept-newer' } });

  const [, command = ''] = /^ExecStart=(.*)$/m.exec(await recoverUnit()) ?? [];
  const [program, ...args] = command.split(' ');
  expect(program).toBe(host('usr/bin/ferry'));
  const recovered = await ferry(...args);
  expect(recovered).toMatchObject({ status: 0, stdout: 'nothing was pending\n' });
}, 120_000);
