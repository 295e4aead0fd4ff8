// README.md, held to: its sessions run as they stand, with a registry of ours in the place of ghcr.io and a private
// engine in the place of the machine's; its commands and links exist.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FERRY, runMain } from './support/cli.ts';
import { startEngine, type TestEngine } from './support/engine.ts';
import { pushBusybox, startRegistry, type TestRegistry } from './support/registry.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const BLOCKS = [...README.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
const [demo = '', office = '', site = ''] = BLOCKS;

describe('README.md', () => {
  it('begins with one sentence, the two commands and the picture', () => {
    expect(README).toMatch(/^# Ferry\n\nFerry carries container updates across an air gap: /);
    expect(demo).toBe('npm ci\nnpm run demo\n');
    expect(BLOCKS).toHaveLength(3);
  });

  it('links to files that are there', () => {
    const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link ?? '');
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((link) => !existsSync(join(ROOT, link)))).toEqual([]);
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

describe("README.md's session", () => {
  let dir: string;
  let registry: TestRegistry;
  let engine: TestEngine;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ferry-readme-'));
    [registry, engine] = await Promise.all([startRegistry(), startEngine()]);
    await pushBusybox(registry, { repository: 'linuxcontainers/alpine', tag: '3.20' });
  });

  afterAll(async () => {
    await Promise.all([registry?.stop(), engine?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  /** Pasted into a shell that stops at the first failure. */
  function paste(session: string) {
    const lines = session
      .replace(/^npm ci && export PATH=.*\n/, '')
      .replace('ferry export hello.yaml', `ferry export hello.yaml --mirror ghcr.io=${registry.host}`);
    const env = {
      PATH: `${dirname(FERRY)}:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: dir,
      DOCKER_HOST: engine.host,
      FERRY_STATE: join(dir, 'state'),
    };
    return spawnSync('bash', ['-eu'], { input: lines, cwd: dir, env, encoding: 'utf8' });
  }

  it('works as pasted, at the office and at the site', () => {
    const there = paste(office);
    expect(there.stderr).not.toContain('error');
    expect(there.status).toBe(0);
    expect(there.stdout).toMatch(/[0-9a-f]{64} {2}office\/root\.json\n$/);
    const here = paste(site);
    expect(here.stderr).not.toContain('error');
    expect(here.status).toBe(0);
    expect(here.stdout).toMatch(/^hello$/m);
  });
});
