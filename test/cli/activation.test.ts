// `ferry import --activate` as it is typed: what it prints, and its status. Compose is a small program here that starts
// one container by hand; the real one is tried in test/install/activation.test.ts.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Lab, useSite } from '../install/lab.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';

const NAME = 'registry.example/atrium/web:1';

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

/** Imports a release whose one service ends with this status. */
async function activate(status: number, options: { readonly json?: boolean; readonly path?: string } = {}) {
  const cmd = ['/bin/busybox', 'sh', '-c', `exit ${status}`];
  const fields = { compose: { project: 'atrium', file: 'compose.yaml', health: { timeoutSeconds: 20 } } };
  const { path } = await lab.release({
    release: '1.0.0',
    images: [makeImage({ name: NAME, busybox: true, cmd })],
    files: [
      { name: 'compose.yaml', text: `services: {web: {image: "${NAME}"}}\n`, install: '/etc/atrium/compose.yaml' },
    ],
    fields,
  });
  return site(['import', path, '--activate', ...(options.json ? ['--json'] : [])], options.path ?? (await compose()));
}

function site(argv: readonly string[], path: string) {
  const env = {
    FERRY_STATE: lab.stateDir,
    FERRY_PREFIX: lab.prefix,
    DOCKER_HOST: engine.host,
    PATH: path,
    HOME: lab.dir,
  };
  return runMain(argv, { cwd: lab.dir, env });
}

async function compose(): Promise<string> {
  const bin = join(lab.dir, 'bin');
  await mkdir(bin);
  const labels = '--label com.docker.compose.project=atrium --label com.docker.compose.service=web';
  const script = `#!/bin/sh
case "$*" in *version*) echo 2.29.1; exit;; esac
exec /usr/bin/docker run --detach --network=none ${labels} ${NAME}
`;
  await writeFile(join(bin, 'docker'), script);
  await chmod(join(bin, 'docker'), 0o755);
  return `${bin}:/usr/bin:/bin`;
}

describe('ferry import --activate', () => {
  it('says that it runs', async () => {
    const { status, stdout, stderr } = await activate(0);
    expect({ status, stderr: stderr.includes('error') }).toEqual({ status: 0, stderr: false });
    expect(stdout).toMatch(/^it runs: all its services are up$/m);
    expect(stdout).not.toContain('to run it');
  });

  it('says so in JSON', async () => {
    const ran = await activate(0, { json: true });
    expect([ran.status, jsonResult(ran)['activation']]).toEqual([0, 'healthy']);
  });

  it('is status 1 when it does not come up, says what stays, and status wants a person', async () => {
    const { status, stdout, stderr } = await activate(3);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(
      'ferry: error: run release 1.0.0: expected all services to be up, got web ended with status 3\n',
    );
    expect(stderr).toMatch(/ferry: hint: the release stays installed .*`docker compose --project-name atrium .* logs/);
    expect(stderr).not.toContain('ferry rollback'); // nothing ran here before
    expect((await site(['status'], '/usr/bin:/bin')).status).toBe(10);
  });

  it('is status 5 where there is no Compose, and changes nothing', async () => {
    const { status, stderr } = await activate(0, { path: '/nowhere' });
    expect(status).toBe(5);
    expect(stderr).toMatch(/hint: install Docker's compose plugin/);
    expect(await engine.docker('images', '-q')).toBe('');
  });

  it('is status 2 for what cannot be run', async () => {
    const { status, stderr } = await site(['import', await lab.catalogue(), '--activate'], '/usr/bin:/bin');
    expect(status).toBe(2);
    expect(stderr).toMatch(/expected a release, got the kind catalogue\n.*hint: import it without --activate/);
  });

  it('is status 2 for a wrong site.yaml, and 3 for one that others may write', async () => {
    const policy = join(lab.stateDir, 'site.yaml');
    await writeFile(policy, 'folder: [/srv]\n');
    const wrong = await activate(0);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('site.yaml:1: folder: unknown key')]);
    await chmod(policy, 0o666);
    const { path } = await lab.release({ release: '2.0.0', images: [] });
    expect((await site(['import', path], '/usr/bin:/bin')).status).toBe(3);
  });
});
