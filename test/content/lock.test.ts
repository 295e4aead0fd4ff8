import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock, findLockHolder, tidyLock } from '../../src/content/index.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-lock-'));
  path = join(dir, 'lock');
});
afterEach(() => rm(dir, { recursive: true }));

const CONTENT = new URL('../../src/content/index.ts', import.meta.url).href;

/** A process that takes the lock, says so, and waits to be killed or told to end. */
async function holder(): Promise<{ pid: number; kill: () => Promise<void> }> {
  const script = `import { acquireLock } from ${JSON.stringify(CONTENT)};
    await acquireLock(${JSON.stringify(path)}, { what: 'x' }); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const kill = async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { pid: child.pid as number, kill };
}

/** What a process of another boot wrote. */
const dead = (token: string) => JSON.stringify({ pid: 999_999_999, started: '1', boot: 'before', token });

describe('acquireLock', () => {
  it('names the holder to whoever comes second, and is free after release', async () => {
    const lock = await acquireLock(path, { what: 'workspace' });
    await expect(acquireLock(path, { what: 'workspace' })).rejects.toMatchObject({
      code: 'LOCKED',
      message: `lock workspace: expected it free, got held by process ${process.pid}`,
    });
    await lock.release();
    await lock.release();
    await (await acquireLock(path, { what: 'workspace' })).release();
    expect(await readdir(dir)).toEqual([]);
  });

  it('is taken over from a process that was killed, and not before', async () => {
    const other = await holder();
    await expect(acquireLock(path, { what: 'x' })).rejects.toMatchObject({ facts: { pid: other.pid } });
    await other.kill();
    await (await acquireLock(path, { what: 'x' })).release();
    expect(await readdir(dir)).toEqual([]);
  });

  it('is taken over when only the number of the process lives on', async () => {
    await writeFile(path, JSON.stringify({ pid: process.pid, started: '1', boot: 'before', token: 'old' }));
    await (await acquireLock(path, { what: 'x' })).release();
  });

  it('goes to one of many who find a dead holder, time after time', async () => {
    for (let round = 0; round < 50; round++) {
      await writeFile(path, dead(`old ${round}`));
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(path, { what: 'x' })));
      expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
      expect(await readdir(dir)).toEqual([basename(path)]);
    }
  });

  it('is taken over also from one that was killed while it took it over', async () => {
    await writeFile(path, dead('old'));
    await writeFile(`${path}.takeover`, dead('heir'));
    await (await acquireLock(path, { what: 'x' })).release();
    expect(await readdir(dir)).toEqual([]);
  });

  it('waits as long as it is told', async () => {
    const lock = await acquireLock(path, { what: 'x' });
    const second = acquireLock(path, { what: 'x', waitMs: 5000 });
    await lock.release();
    await (await second).release();
  });

  it('takes over a lock that a full disk left empty', async () => {
    await writeFile(path, '');
    await (await acquireLock(path, { what: 'x' })).release();
  });
});

describe('findLockHolder', () => {
  it('names the living process that holds it, and nobody when that was killed or the lock is free', async () => {
    expect(await findLockHolder(path)).toBeUndefined();
    const { pid, kill } = await holder();
    expect(await findLockHolder(path)).toBe(pid);
    await kill();
    expect(await findLockHolder(path)).toBeUndefined();
    expect(await readdir(dir)).toEqual([basename(path)]);
  });
});

describe('tidyLock', () => {
  const draft = (name: string) => `${path}.${name}0123456789abcdef`;

  it('takes away drafts, torn ones too, and a right to take over that a dead process had', async () => {
    const lock = await acquireLock(path, { what: 'x' });
    await writeFile(`${path}.takeover`, dead('heir'));
    for (const name of ['', 'takeover.']) await writeFile(draft(name), '{"pid":');
    await tidyLock(path);
    expect(await readdir(dir)).toEqual([basename(path)]);
    await lock.release();
  });

  it('leaves the lock, a living heir, and what others called by such a name', async () => {
    const lock = await acquireLock(path, { what: 'x' });
    const heir = await acquireLock(`${path}.takeover`, { what: 'x' });
    await writeFile(join(dir, 'locker'), '');
    await tidyLock(path);
    expect((await readdir(dir)).toSorted()).toEqual(['lock', 'lock.takeover', 'locker']);
    await Promise.all([lock.release(), heir.release()]);
  });

  it('in the middle of many who try costs none of them more than the lock', async () => {
    const lock = await acquireLock(path, { what: 'x' });
    const tries = Array.from({ length: 50 }, () => acquireLock(path, { what: 'x' }).catch((error) => error.code));
    for (let i = 0; i < 20; i += 1) await tidyLock(path);
    expect(new Set(await Promise.all(tries))).toEqual(new Set(['LOCKED']));
    await lock.release();
  });
});
