/** `ferry import` with a certificate, as it is typed: what it says before and after, and never of the key. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DIR, fingerprintOf, inDays, makeOffice, type Office } from '../install/carried-lab.ts';
import { createLab, type Lab } from '../install/lab.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import { startTLSService, type TLSService } from '../support/tls-service.ts';

// an overlay needs no engine
const HOST = 'unix:///nowhere/docker.sock';

let lab: Lab;
let office: Office;
let service: TLSService;
let carry: (issued: Awaited<ReturnType<Office['issue']>>) => Promise<string>;

beforeEach(async () => {
  lab = await createLab({ host: HOST } as never);
  await lab.trust();
  office = await makeOffice();
  service = await startTLSService(join(lab.prefix, DIR));
  const { site, age } = await lab.identity();
  carry = async (issued) => lab.overlay(site, [await office.sealed(issued, age.recipient)]);
});
afterEach(async () => {
  await service.stop();
  await lab.remove();
});

const ferry = (...args: string[]) => {
  const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: HOST, HOME: lab.dir };
  return runMain(args, { env, cwd: lab.medium });
};

it('shows what would be served and what is, takes no certificate that is less, and refuses with status 1', async () => {
  const first = await ferry('import', await carry(await office.issue({ names: ['atrium.test', 'old.test'] })), '--yes');
  expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining('nothing was reloaded: ') });
  await service.start();
  const serving = ['--reload', service.reload, '--probe', `127.0.0.1:${service.port}`];
  const next = await office.issue({ notAfter: inDays(200) });
  const path = await carry(next);
  const refused = await ferry('import', path, '--yes');
  expect(refused).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('--allow-fewer-names with --reason TEXT'),
  });
  expect(await ferry('import', path, '--allow-fewer-names')).toMatchObject({ status: 2 });

  const allowed = ['--allow-fewer-names', '--reason', 'it is gone, ticket 4711'];
  const planned = await ferry('import', path, '--dry-run', ...serving, ...allowed);
  for (const line of [
    'certificate     atrium.test, until 2027-06-11',
    'issuer          Test Intermediate',
    'to reload       command cp',
    `to be served at  127.0.0.1:${service.port}`,
  ]) {
    expect(planned.stdout.replaceAll(/ +/g, ' ')).toContain(line.replaceAll(/ +/g, ' '));
  }
  const done = await ferry('import', path, '--yes', '--json', ...serving, ...allowed);
  const fingerprint = await fingerprintOf(next);
  expect(jsonResult(done)['tls']).toMatchObject({ fingerprint, notAfter: '2027-06-11T12:00:00.000Z' });
  expect(jsonResult(done)['tls']).toMatchObject({ reloaded: 'command cp', served: `127.0.0.1:${service.port}` });
  expect(await service.served()).toBe(fingerprint);

  // one that nobody serves: the line says what was, and what is again
  const other = await carry(await office.issue({ notAfter: inDays(210) }));
  const away = await ferry('import', other, '--yes', ...serving, '--reload', 'true', '--probe-timeout', '1');
  expect(away).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('serve the new certificate at 127.0.0.1'),
  });
  expect(away.stderr).toContain('the former certificate is back, and served');
  expect(await readFile(join(lab.prefix, DIR, 'privkey.pem'), 'utf8')).toBe(next.keyPEM);
});

it('says what an address looks like', async () => {
  for (const command of [['import', 'x.ferry.tar'], ['rollback']]) {
    const ran = await ferry(...command, '--probe', 'nowhere', '--json');
    expect(ran.status).toBe(2);
    expect(ran.stdout).toContain('--probe: expected HOST:PORT, such as 127.0.0.1:443');
  }
});
