// The unit that recovers at boot, held to systemd's own reading.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootUnit } from '../../src/install/index.ts';

const ANALYZE = '/usr/bin/systemd-analyze';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-unit-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** What systemd says against a unit: nothing of the one that is right. */
async function complaints(text: string): Promise<string> {
  const path = join(dir, 'ferry-recover.service');
  await writeFile(path, text);
  const { stdout, stderr } = spawnSync(ANALYZE, ['verify', '--recursive-errors=no', '--man=no', path], {
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line.includes('ferry-recover.service'))
    .join('\n');
}

describe('bootUnit', () => {
  const plain = { state: '/var/lib/ferry', prefix: '/' };

  it('runs recover once, after the engine, where something is pending', () => {
    const text = bootUnit(plain);
    expect(text).toMatch(/^ConditionPathExists=\/var\/lib\/ferry\/journal\.json$/m);
    expect(text).toMatch(/^After=.*\bdocker\.service\b/m);
    expect(text).toMatch(/^Type=oneshot$/m);
    expect(text).toMatch(/^ExecStart=\/usr\/bin\/ferry recover --state \/var\/lib\/ferry$/m);
    expect(text).toMatch(/^WantedBy=multi-user\.target$/m);
    expect(text).not.toContain('Before=');
  });

  it('stands before the units that are named', () => {
    expect(bootUnit({ ...plain, before: ['atrium.service'] })).toMatch(/^Before=atrium\.service$/m);
  });

  it('writes every path so that systemd reads it back', () => {
    const text = bootUnit({ state: '/srv/a b/50%', prefix: '/mnt/$HOME', dockerHost: 'unix:///run/my docker.sock' });
    expect(text).toMatch(
      /^ExecStart=\/usr\/bin\/ferry recover --state "\/srv\/a b\/50%%" --prefix "\/mnt\/\$\$HOME"$/m,
    );
    expect(text).toMatch(/^Environment="DOCKER_HOST=unix:\/\/\/run\/my docker\.sock"$/m);
    expect(text).toMatch(/^RequiresMountsFor="\/srv\/a b\/50%%" "\/mnt\/\$HOME"$/m);
    expect(text).toMatch(/^ConditionPathExists=\/srv\/a b\/50%%\/journal\.json$/m);
  });

  it.skipIf(!existsSync(ANALYZE))('is what systemd takes without a word', async () => {
    const ferry = join(dir, 'ferry');
    await writeFile(ferry, '#!/bin/sh\n');
    await chmod(ferry, 0o755);
    expect(await complaints(bootUnit({ ...plain, ferry, before: ['atrium.service'] }))).toBe('');
    expect(
      await complaints(bootUnit({ state: '/srv/a b/50%', prefix: '/mnt/$HOME', ferry, dockerHost: 'unix:///a b' })),
    ).toBe('');
    expect(await complaints(bootUnit({ ...plain, ferry }).replace('oneshot', 'never'))).toContain('never');
  });
});
