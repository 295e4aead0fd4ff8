// bin/setup.cjs as npm runs it, in a checkout of its own with an npm that only writes down what it was asked.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SETUP = fileURLToPath(new URL('../bin/setup.cjs', import.meta.url));

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ferry-setup-'));
  mkdirSync(join(root, 'bin'));
  copyFileSync(SETUP, join(root, 'bin/setup.cjs'));
  write('package-lock.json', { packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } });
  writeFileSync(
    join(root, 'npm.cjs'),
    `require('fs').writeFileSync('asked', process.argv.slice(2).join(' '));
    process.exit(Number(process.env.NPM_STATUS || 0));`,
  );
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, value: unknown): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), JSON.stringify(value));
}

function install(packages: Record<string, { version: string }>): void {
  write('node_modules/.bin/node', 'there');
  write('node_modules/.package-lock.json', { packages });
}

function setUp(args: readonly string[] = [], env: Record<string, string> = {}) {
  const npm = { npm_execpath: join(root, 'npm.cjs'), npm_node_execpath: process.execPath };
  const done = spawnSync(process.execPath, [join(root, 'bin/setup.cjs'), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...npm, ...env },
    encoding: 'utf8',
  });
  const asked = join(root, 'asked');
  return {
    status: done.status,
    stdout: done.stdout,
    stderr: done.stderr,
    npm: existsSync(asked) ? readFileSync(asked, 'utf8') : undefined,
  };
}

describe('bin/setup.cjs', () => {
  it('says and does nothing when the packages are those of the lock file', () => {
    install({ 'node_modules/a': { version: '1.0.0' } });
    expect(setUp()).toEqual({ status: 0, stdout: '', stderr: '', npm: undefined });
  });

  it('does not miss the packages of other platforms', () => {
    write('package-lock.json', {
      packages: {
        '': {},
        'node_modules/a': { version: '1.0.0' },
        'node_modules/a-win32': { version: '1.0.0', optional: true },
      },
    });
    install({ 'node_modules/a': { version: '1.0.0' } });
    expect(setUp().npm).toBeUndefined();
  });

  it('installs without running scripts when there are no packages', () => {
    const { status, stdout, stderr, npm } = setUp();
    expect({ status, stdout, npm }).toEqual({
      status: 0,
      stdout: '',
      npm: 'ci --ignore-scripts --no-audit --no-fund --loglevel=error',
    });
    expect(stderr).toBe('setup: installing the packages of package-lock.json\n');
  });

  it('installs when the lock file wants another version', () => {
    install({ 'node_modules/a': { version: '0.9.0' } });
    expect(setUp().npm).toMatch(/^ci /);
  });

  it('fails with npm', () => {
    expect(setUp([], { NPM_STATUS: '7' }).status).toBe(7);
  });

  it('names what the system lacks in one line, where it cannot install it', () => {
    install({ 'node_modules/a': { version: '1.0.0' } });
    const { status, stderr } = setUp(['--system'], { PATH: '/nowhere' });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^setup: missing: .*skopeo.*; on Debian: apt-get install -y --no-remove --no-install-recommends .*skopeo.*\n$/,
    );
  });
});
