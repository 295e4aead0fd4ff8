// README.md, held to: its sessions run as they stand, with a registry of ours in the place of ghcr.io and a private
// engine in the place of the machine's; its commands and links exist.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FERRY, runMain } from './support/cli.ts';
import { startEngine, type TestEngine } from './support/engine.ts';
import { builtFerry } from './support/executable.ts';
import { pushBusybox, startRegistry, type TestRegistry } from './support/registry.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const BLOCKS = [...README.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
const [demo = '', office = '', first = '', later = ''] = BLOCKS;

describe('README.md', () => {
  it('begins with one sentence, the drawing and two commands; a visit is five, a later one three', () => {
    expect(README).toMatch(/^# Ferry\n\nFerry carries container updates across an air gap: /);
    expect(demo).toBe('npm ci\nnpm run demo\n');
    expect(BLOCKS).toHaveLength(4);
    expect(first.trim().split('\n')).toHaveLength(5);
    expect(later.trim().split('\n')).toHaveLength(3);
  });

  it('links to files that are there', () => {
    const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link ?? '');
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((link) => !existsSync(join(ROOT, link)))).toEqual([]);
  });

  it('leads to each page of docs', () => {
    const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
    expect(pages.filter((name) => !README.includes(`](docs/${name})`))).toEqual([]);
  });

  it('names npm scripts that are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const named = [...README.matchAll(/npm (?:run )?(check|test|bench|demo|\w+:\w+)\b/g)].map(([, name]) => name);
    expect(named.filter((name) => !(`${name}` in scripts))).toEqual([]);
  });

  it('names commands that are there', async () => {
    const named = new Set([...README.matchAll(/`ferry ([a-z]+)/g)].map(([, name]) => name ?? ''));
    const { stdout } = await runMain(['--help']);
    expect([...named].filter((name) => !new RegExp(`^  ${name}\\b`, 'm').test(stdout))).toEqual([]);
  });
});

describe("README.md's visits", () => {
  let dir: string;
  let registry: TestRegistry;
  let engine: TestEngine;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ferry-readme-'));
    for (const folder of ['mnt', 'dist', 'host/usr/bin']) mkdirSync(join(dir, folder), { recursive: true });
    [registry, engine] = await Promise.all([startRegistry(), startEngine()]);
    await pushBusybox(registry, { repository: 'linuxcontainers/alpine', tag: '3.20' });
    symlinkSync(await builtFerry(), join(dir, 'dist/ferry-linux-x64'));
  });

  afterAll(async () => {
    await Promise.all([registry?.stop(), engine?.stop()]);
    spawnSync('umount', [join(dir, 'mnt')], { stdio: 'ignore' }); // after a visit that was cut off
    rmSync(dir, { recursive: true, force: true });
  });

  /** Pasted into a shell that stops at the first failure. */
  function paste(session: string, path: string) {
    const env = {
      PATH: `${path}:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: dir,
      DOCKER_HOST: engine.host,
      FERRY_STATE: join(dir, 'host/var/lib/ferry'),
      FERRY_PREFIX: join(dir, 'host'),
    };
    return spawnSync('bash', ['-eu'], { input: session, cwd: dir, env, encoding: 'utf8' });
  }

  function pasteAtOffice(session: string) {
    const lines = session
      .replace(/^npm ci && export PATH=.*\nnpm run build .*\n/, '') // the executable is there
      .replace('ferry export hello.yaml', `ferry export hello.yaml --mirror ghcr.io=${registry.host}`);
    return paste(lines, dirname(FERRY));
  }

  /** The stick is a folder, the host another, and root is here already. */
  function pasteAtSite(session: string) {
    const lines = session
      .replaceAll('sudo ', '')
      .replaceAll('mount /dev/sdb1 /mnt', `mount --bind ${join(dir, 'stick')} ${join(dir, 'mnt')}`)
      .replaceAll(/(?<![\w/])\/mnt\b/g, join(dir, 'mnt'))
      .replaceAll(' /usr/bin/ferry', ` ${join(dir, 'host/usr/bin/ferry')}`)
      .replace(/^(ferry import \S+)$/m, `$1 --fingerprint ${sha256Of(join(dir, 'office/root.json'))}`);
    return paste(lines, join(dir, 'host/usr/bin'));
  }

  it('work as pasted, the first one and a later one', () => {
    const there = pasteAtOffice(office);
    expect(there.stderr).not.toContain('error');
    expect(there.status).toBe(0);
    const sheet = readFileSync(join(dir, 'sheet.html'), 'utf8').replaceAll(/<\/?b>/g, '');
    const here = pasteAtSite(first);
    expect(here.stderr).not.toContain('error');
    expect(here.status).toBe(0);
    expect(sheet).toContain(/^[0-9a-f]{64}/m.exec(here.stdout)?.[0]);
    expect(here.stdout).toMatch(/^safe to unmount .*mnt$/m);
    const [, run = ''] = /`(docker run [^`]*)`/.exec(README) ?? [];
    expect(paste(run, '/usr/bin').stdout).toBe('hello\n');
    const next = `sed -i s/1.0.0/1.1.0/ hello.yaml\n${office.replace(/^cat (?:.|\n)*?^ferry init .*\n/m, '')}`;
    expect(pasteAtOffice(next.replace(/^npm .*\n/gm, '')).status).toBe(0);
    const again = pasteAtSite(later.replace(/(ferry import \S+)$/m, '$1 --yes'));
    expect({ status: again.status, stderr: again.stderr.match(/error.*/)?.[0] }).toEqual({ status: 0 });
    expect(again.stdout).toMatch(/^installed hello 1\.1\.0/m);
  });
});

function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
