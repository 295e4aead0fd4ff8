/** An executable is run before anything counts on it; what forbids it has a name, and a way out. */

import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wordsFor } from '../../../src/cli/words.ts';
import { runProgram } from '../../../src/content/index.ts';
import { noexecMount } from '../../../src/install/executable/mounts.ts';
import { type RunProgram, tryOut } from '../../../src/install/executable/trial.ts';
import { InstallError } from '../../../src/install/index.ts';
import { program } from './place-lab.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-trial-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Tries a program out; answers the error. */
async function refusal(text: string, { mode = 0o755, run }: { mode?: number; run?: RunProgram } = {}) {
  const path = join(dir, 'ferry');
  await writeFile(path, text);
  await chmod(path, mode);
  const error = await tryOut({ path, place: '/usr/local/lib/ferry/0.2.0/ferry', version: '0.2.0' }, run).catch(
    (thrown: unknown) => thrown,
  );
  if (error !== undefined && !(error instanceof InstallError)) throw error;
  return error && { ...wordsFor(error), code: error.code, message: error.message };
}

describe('a trial', () => {
  it('is passed by the version that the release says', async () => {
    expect(await refusal(program('0.2.0'))).toBeUndefined();
  });

  it('tells another version from it', async () => {
    expect(await refusal(program('0.2.1'))).toMatchObject({
      code: 'FERRY_WRONG_VERSION',
      exit: 3,
      message: 'try /usr/local/lib/ferry/0.2.0/ferry: expected ferry 0.2.0, as the release says, got "0.2.1"',
    });
  });

  it.each([
    ['fails', '#!/bin/sh\necho no such library >&2; exit 3\n', 'status 3 and "no such library"'],
    ['has no interpreter', '#!/no/such/thing\n', 'status 127 and'],
  ])('names a program that %s', async (_what, text, got) => {
    const told = await refusal(text);
    expect(told).toMatchObject({ code: 'FERRY_NOT_EXECUTABLE', exit: 5, hint: expect.stringMatching(/--no-ferry$/) });
    expect(told?.message).toContain(`expected a program that starts on this host, got ${got}`);
  });

  it('sends whoever may not run it to what denied it', async () => {
    const told = await refusal(program('0.2.0'), { mode: 0o644 });
    expect(told).toMatchObject({ code: 'FERRY_NOT_EXECUTABLE', hint: expect.stringContaining('ausearch') });
  });

  it('gives the words for fapolicyd where the kernel says EPERM, as it does for that', async () => {
    // the first that is not strace's own
    const inject = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=execve:error=EPERM:when=1'];
    const run: RunProgram = (words, options) =>
      runProgram([...inject, '/bin/sh', '-c', 'exec "$@"', 'sh', ...words], options);
    const told = await refusal(program('0.2.0'), { run });
    expect(told).toMatchObject({ code: 'FERRY_NOT_EXECUTABLE', exit: 5 });
    expect(told?.hint).toContain(
      'fapolicyd-cli --file add /usr/local/lib/ferry/0.2.0/ferry --trust-file ferry; fapolicyd-cli --update',
    );
  });

  it('sees nothing of the environment and is ended in time', async () => {
    const asked: unknown[] = [];
    const run: RunProgram = async (words, options) => {
      asked.push(words.slice(1), Object.keys(options.env));
      return { status: 143, ended: 'timeout', stdout: '', output: '' };
    };
    expect((await refusal(program('0.2.0'), { run }))?.message).toMatch(/got no answer in 30 s$/);
    expect(asked).toEqual([['--version'], ['LC_ALL', 'PATH']]);
  });
});

describe('noexecMount', () => {
  const table = [
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
    '30 22 8:2 / /usr rw,nosuid,noexec,relatime shared:2 - ext4 /dev/sda2 rw',
    '31 30 8:3 / /usr/local rw,relatime - ext4 /dev/sda3 rw',
    '32 22 0:40 / /mnt/a\\040b rw,noexec - tmpfs tmpfs rw',
    '33 22 0:41 / /twice rw,noexec - tmpfs tmpfs rw',
    '34 33 0:42 / /twice rw - tmpfs tmpfs rw',
    '',
  ].join('\n');

  it.each([
    ['/usr/local/lib/ferry', undefined],
    ['/usr/lib/ferry', '/usr'],
    ['/usrx', undefined],
    ['/mnt/a b/c', '/mnt/a b'],
    ['/twice/c', undefined],
    ['/', undefined],
  ])('of %s is %s', (path, mount) => {
    expect(noexecMount(table, path)).toBe(mount);
  });
});
