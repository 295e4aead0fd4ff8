// Programs that are run with an end, and that do not outlive whoever ran them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lastWords, runProgram } from '../../src/content/index.ts';

const env = { PATH: '/usr/bin:/bin' };
const sh = (script: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
  runProgram(['/bin/sh', '-c', script], { env, timeoutMs: 30_000, ...options });

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('runProgram', () => {
  it('gives status and output, apart and together', async () => {
    const end = await sh('echo one; sleep 0.05; echo two >&2; exit 7');
    expect(end).toEqual({ status: 7, stdout: 'one\n', output: 'one\ntwo\n' });
  });

  it('passes words as they are: no shell reads them', async () => {
    const words = ['$HOME', '`id`', 'a b', "it's", '*', ''];
    expect((await runProgram(['printf', '<%s>', ...words], { env, timeoutMs: 30_000 })).stdout).toBe(
      words.map((word) => `<${word}>`).join(''),
    );
  });

  it('shows the environment that it was given and nothing else of ours', async () => {
    const { stdout } = await runProgram(['/usr/bin/env'], {
      env: { PATH: '/usr/bin:/bin', A: '1' },
      timeoutMs: 30_000,
    });
    const names = stdout
      .split('\n')
      .map((line) => line.split('=')[0])
      .filter((name) => !['PWD', '_', 'OLDPWD', 'SHLVL', ''].includes(name ?? ''));
    expect(names.toSorted()).toEqual(['A', 'PATH']);
  });

  it('has nothing to read: a question is answered by the end of the file', async () => {
    expect((await sh('read -r answer || echo none')).stdout).toBe('none\n');
  });

  it('says 127 for a program that is not there', async () => {
    expect((await runProgram(['/nowhere/at/all'], { env, timeoutMs: 30_000 })).status).toBe(127);
  });

  it('ends what takes too long, with all that it started', async () => {
    const end = await sh('sleep 600 & echo $!; sleep 600', { timeoutMs: 300 });
    expect(end.ended).toBe('timeout');
    await expect.poll(() => isThere(Number(end.stdout.trim())), { timeout: 10_000, interval: 20 }).toBe(false);
  });

  it('ends it at the signal', async () => {
    const stop = new AbortController();
    const running = sh('sleep 600', { signal: stop.signal });
    stop.abort();
    expect((await running).ended).toBe('stopped');
  });

  it('does not wait for what was left in the background', async () => {
    const end = await sh('setsid sleep 3 & echo done');
    expect(end).toMatchObject({ status: 0, stdout: 'done\n' });
  });

  it('keeps the last of endless output', async () => {
    const { output } = await sh('yes line | head -n 100000; echo last');
    expect(output.length).toBeLessThanOrEqual(16 * 1024);
    expect(output).toMatch(/line\nlast\n$/);
  });

  it('goes when ferry is killed', async () => {
    const program = fileURLToPath(new URL('../../src/content/program.ts', import.meta.url));
    const code = `import { runProgram } from '${program}';
      await runProgram(['/bin/sh', '-c', 'echo $$ >"$OUT"; sleep 600'], { env: process.env, timeoutMs: 60000 });`;
    const out = `/tmp/ferry-program-${process.pid}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { env: { ...process.env, OUT: out } });
    let pid = 0;
    while (pid === 0) pid = Number(await readFile(out, 'utf8').catch(() => '0'));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect.poll(() => isThere(pid), { timeout: 10_000, interval: 20 }).toBe(false);
    await rm(out, { force: true });
  });
});

describe('lastWords', () => {
  it('is one line without colours, the last of them', () => {
    expect(lastWords({ output: 'a\n\u001b[31mb\u001b[0m\n\nc\r\nd\ne\u0007f\n' })).toBe('"b / c / d / e f"');
  });
});
