/** The site's folder: how it is made, what it refuses, and that trust is stored whole. FORMAT §7. */

import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findState, openState, type StoredTrust } from '../../src/state/index.ts';

let base: string;
let dir: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-state-'));
  dir = join(base, 'state');
});
afterEach(() => rm(base, { recursive: true, force: true }));

const bytes = (text: string): Buffer => Buffer.from(text);
const pinned: StoredTrust = { root: bytes('{"root":1}'), confirmed: true, floors: {} };
const filled: StoredTrust = {
  root: bytes('{"root":2}'),
  confirmed: false,
  chain: { timestamp: bytes('t'), snapshot: bytes('s'), targets: bytes('g') },
  clock: '2026-11-23T00:00:00Z',
  floors: { release: 7 },
};

describe('openState', () => {
  it('makes a folder that only its owner may enter', async () => {
    await openState(dir);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect(JSON.parse(await readFile(join(dir, 'state.json'), 'utf8'))).toEqual({ format: 1, minFerry: '0.1.0' });
  });

  it('takes an empty folder, closes it to others, and finds it again', async () => {
    await mkdir(dir, { mode: 0o755 });
    await openState(dir);
    await openState(dir);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
  });

  it('takes a folder where the operator has put site.yaml first', async () => {
    await mkdir(dir);
    await writeFile(join(dir, 'site.yaml'), 'folders: []\n');
    await expect(openState(dir)).resolves.toMatchObject({ dir });
  });

  it('refuses a folder that holds other things, and leaves it as it is', async () => {
    await mkdir(dir, { mode: 0o755 });
    await writeFile(join(dir, 'thesis.doc'), 'x');
    await expect(openState(dir)).rejects.toMatchObject({ code: 'STATE_FOREIGN' });
    expect(await readdir(dir)).toEqual(['thesis.doc']);
    expect((await stat(dir)).mode & 0o777).toBe(0o755);
  });

  it('refuses a state that a later ferry wrote, and says which is needed', async () => {
    await mkdir(dir);
    await writeFile(join(dir, 'state.json'), '{"format":2,"minFerry":"3.1.0"}');
    const opening = openState(dir);
    await expect(opening).rejects.toMatchObject({ code: 'FORMAT_TOO_NEW' });
    await expect(opening).rejects.toHaveProperty('hint', expect.stringContaining('3.1.0'));
    await expect(findState(dir)).rejects.toMatchObject({ code: 'FORMAT_TOO_NEW' });
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[1]'],
    ['no format', '{}'],
    ['a format that is no number', '{"format":"1"}'],
  ])('names the damaged document: %s', async (_what, text) => {
    await mkdir(dir);
    await writeFile(join(dir, 'state.json'), text);
    await expect(openState(dir)).rejects.toMatchObject({
      code: 'STATE_DAMAGED',
      facts: { path: join(dir, 'state.json') },
    });
  });

  it.each(['file', 'file/state'])('says that %s, which is or lies below a file, can be no folder', async (path) => {
    await writeFile(join(base, 'file'), '');
    await expect(openState(join(base, path))).rejects.toMatchObject({
      code: 'STATE_FOREIGN',
      message: expect.stringContaining('a file in its way'),
    });
  });
});

describe('findState', () => {
  it('finds nothing where nothing is, and makes nothing', async () => {
    expect(await findState(dir)).toBeUndefined();
    expect(await readdir(base)).toEqual([]);
  });
});

describe('lock', () => {
  it('lets one in at a time and names the holder', async () => {
    const state = await openState(dir);
    const lock = await state.lock();
    await expect(state.lock()).rejects.toMatchObject({ code: 'LOCKED', facts: { pid: process.pid } });
    await lock.release();
    await (await state.lock()).release();
  });
});

describe('trust', () => {
  it('gives back what was stored', async () => {
    const state = await openState(dir);
    expect(await state.findTrust()).toBeUndefined();
    await state.writeTrust(pinned);
    expect(await state.findTrust()).toEqual(pinned);
    await state.writeTrust(filled);
    expect(await (await findState(dir))?.findTrust()).toEqual(filled);
  });

  it('stores under the names of FORMAT §7, for the owner alone', async () => {
    const state = await openState(dir);
    await state.writeTrust(filled);
    const names = await readdir(join(dir, 'trust'));
    expect(names.toSorted()).toEqual([
      'clock',
      'floors.json',
      'root.json',
      'snapshot.json',
      'targets.json',
      'timestamp.json',
    ]);
    expect((await stat(join(dir, 'trust', 'root.json'))).mode & 0o777).toBe(0o600);
  });

  it('writes nothing when nothing is new', async () => {
    const state = await openState(dir);
    await state.writeTrust(filled);
    const before = await readlink(join(dir, 'trust'));
    await state.writeTrust({ ...filled });
    expect(await readlink(join(dir, 'trust'))).toBe(before);
  });

  it('moves from one whole set to the next and leaves no former one behind', async () => {
    const state = await openState(dir);
    for (const root of ['a', 'b', 'c']) await state.writeTrust({ ...filled, root: bytes(root) });
    expect((await readdir(dir)).filter((name) => name.startsWith('.trust-'))).toEqual(['.trust-3']);
  });

  it('reads the former set whole when a crash left a half-written one beside it', async () => {
    const state = await openState(dir);
    await state.writeTrust(filled);
    await mkdir(join(dir, '.trust-2'));
    await writeFile(join(dir, '.trust-2', 'root.json'), 'half');
    expect(await state.findTrust()).toEqual(filled);
    await state.writeTrust(pinned);
    expect(await state.findTrust()).toEqual(pinned);
  });

  it('says so when a part was taken away', async () => {
    const state = await openState(dir);
    await state.writeTrust(filled);
    await rm(join(dir, 'trust', 'snapshot.json'));
    await expect(state.findTrust()).rejects.toMatchObject({ code: 'STATE_DAMAGED' });
  });
});

describe('identity', () => {
  it('keeps a file that only its owner may read', async () => {
    const state = await openState(dir);
    expect(await state.findIdentity('sign.pem')).toBeUndefined();
    await state.writeIdentity('sign.pem', bytes('key'));
    expect(await state.findIdentity('sign.pem')).toEqual(bytes('key'));
    expect((await stat(join(dir, 'identity'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(dir, 'identity', 'sign.pem'))).mode & 0o777).toBe(0o600);
  });
});

describe('the journal', () => {
  it('is read again however large a release is', async () => {
    const state = await openState(dir);
    const steps = Array.from({ length: 40_000 }, (_, at) => ({
      name: `registry.example/atrium/part-${at}`.padEnd(200, '-'),
    }));
    await state.writeJournal({ steps });
    expect((await state.findJournal())?.['steps']).toHaveLength(40_000);
  });
});

describe('openSpool', () => {
  it('gives an empty folder of our own and takes it away whole', async () => {
    const state = await openState(dir);
    const left = await state.openSpool();
    await writeFile(join(left.dir, 'half'), 'x');
    const spool = await state.openSpool();
    expect(await readdir(spool.dir)).toEqual([]);
    expect((await stat(spool.dir)).mode & 0o777).toBe(0o700);
    await spool.remove();
    expect(await readdir(dir)).toEqual(['state.json']);
  });
});

describe('a folder that others may not enter', () => {
  it('is denied in words', async () => {
    await openState(dir);
    // root passes every permission check
    const asRoot = process.geteuid?.() === 0;
    if (asRoot) process.seteuid?.('nobody');
    else await chmod(dir, 0o000);
    try {
      await expect(openState(dir)).rejects.toMatchObject({ code: 'STATE_DENIED' });
    } finally {
      if (asRoot) process.seteuid?.(0);
      else await chmod(dir, 0o700);
    }
  });
});
