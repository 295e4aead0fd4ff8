/** Release folders: drafted whole, committed by two renames and a link, taken back without a trace. FORMAT §7. */

import { mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openState, type SiteState } from '../../src/state/index.ts';

let base: string;
let state: SiteState;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-releases-'));
  state = await openState(join(base, 'state'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const bytes = (text: string): Buffer => Buffer.from(text);

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield bytes(part);
}

async function install(sequence: number, text: string): Promise<void> {
  await filledDraft(sequence, text);
  await state.commitDraft(sequence);
  await state.settleDraft(sequence);
}

/** As a process that knows nothing but the journal's data. */
async function takeBack(sequence: number, previous: number | undefined): Promise<void> {
  await state.revertDraft(sequence, { previous, isNew: previous !== sequence });
  await state.dropDraft(sequence);
}

async function filledDraft(sequence: number, text: string) {
  const draft = await state.draftRelease(sequence);
  await draft.put('release.json', bytes(text));
  await draft.put('receipt.json', bytes(`receipt of ${text}`));
  await draft.putStream('files/compose.yaml', chunks('services', ': {}'));
  return draft;
}

const listed = (): Promise<string[]> => readdir(join(state.dir, 'releases'));

describe('draftRelease', () => {
  it('is no release until it is committed', async () => {
    await filledDraft(7, 'seven');
    expect(await state.listReleases()).toEqual([]);
    expect(await state.findCurrentRelease()).toBeUndefined();
  });

  it('becomes the current release', async () => {
    await install(7, 'seven');
    expect(await state.findCurrentRelease()).toMatchObject({ sequence: 7, document: bytes('seven') });
    expect(await readFile(join(state.dir, 'releases/7/files/compose.yaml'), 'utf8')).toBe('services: {}');
    expect((await stat(join(state.dir, 'releases/7'))).mode & 0o777).toBe(0o700);
    expect(await listed()).toEqual(['7', 'current']);
  });

  it('leaves the former release in its folder', async () => {
    await install(7, 'seven');
    await install(12, 'twelve');
    expect(await state.listReleases()).toEqual([7, 12]);
    expect(await state.findCurrentRelease()).toMatchObject({ sequence: 12 });
    expect(await state.readRelease(7)).toMatchObject({ document: bytes('seven') });
  });

  it('replaces a release of the same number whole', async () => {
    await install(7, 'seven');
    await install(7, 'seven again');
    expect(await state.findCurrentRelease()).toMatchObject({ document: bytes('seven again') });
    expect(await listed()).toEqual(['7', 'current']);
  });

  it('leaves nothing of a stream that failed', async () => {
    const draft = await state.draftRelease(7);
    async function* cut(): AsyncGenerator<Uint8Array> {
      yield bytes('half');
      throw new Error('medium gone');
    }
    await expect(draft.putStream('files/x', cut())).rejects.toThrow('medium gone');
    expect(await readdir(join(state.dir, 'releases/.draft-7/files'))).toEqual([]);
  });
});

describe('a commit', () => {
  it('made again does no more', async () => {
    await install(7, 'seven');
    await state.commitDraft(7);
    expect(await state.findCurrentRelease()).toMatchObject({ document: bytes('seven') });
    expect(await listed()).toEqual(['7', 'current']);
  });

  it.each([1, 2])(
    'that was cut off after %i of its renames is finished or taken back by another process',
    async (made) => {
      await install(7, 'seven');
      for (const finish of [true, false]) {
        await filledDraft(7, 'seven again');
        const at = (name: string) => join(state.dir, 'releases', name);
        await rename(at('7'), at('.replaced-7'));
        if (made === 2) await rename(at('.draft-7'), at('7'));
        await (finish ? state.commitDraft(7) : takeBack(7, 7));
        await (finish ? state.settleDraft(7) : undefined);
        expect(await state.findCurrentRelease()).toMatchObject({ document: bytes('seven again') });
        expect(await listed()).toEqual(['7', 'current']);
      }
    },
  );
});

describe('taking back', () => {
  it('removes a draft', async () => {
    await filledDraft(7, 'seven');
    await takeBack(7, undefined);
    expect(await listed()).toEqual([]);
  });

  it('takes the first release back', async () => {
    await filledDraft(7, 'seven');
    await state.commitDraft(7);
    await takeBack(7, undefined);
    expect(await listed()).toEqual([]);
    expect(await state.findCurrentRelease()).toBeUndefined();
  });

  it('takes an update back to the release before', async () => {
    await install(7, 'seven');
    await filledDraft(12, 'twelve');
    await state.commitDraft(12);
    await takeBack(12, 7);
    expect(await state.findCurrentRelease()).toMatchObject({ sequence: 7, document: bytes('seven') });
    expect(await listed()).toEqual(['7', 'current']);
  });

  it('takes a replacement under the same number back, as often as it is asked', async () => {
    await install(7, 'seven');
    await filledDraft(7, 'seven again');
    await state.commitDraft(7);
    const before = { previous: 7, isNew: false };
    await state.revertDraft(7, before);
    await state.revertDraft(7, before);
    await state.dropDraft(7);
    await state.dropDraft(7);
    // from an old journal, where a full disk took no newer one
    await state.revertDraft(7, before);
    await state.dropDraft(7);
    expect(await state.findCurrentRelease()).toMatchObject({ sequence: 7, document: bytes('seven') });
    expect(await listed()).toEqual(['7', 'current']);
  });
});

describe('a release that is dropped', () => {
  it('loses its name first, and what a cut leaves of it is tidied away', async () => {
    await install(7, 'seven');
    await install(8, 'eight');
    await state.dropRelease(7);
    await state.dropRelease(7);
    expect(await listed()).toEqual(['8', 'current']);
    await rename(join(state.dir, 'releases/8'), join(state.dir, 'releases/.dropped-8'));
    await state.tidy();
    expect(await listed()).toEqual(['current']);
  });
});

describe('release 0', () => {
  it('is what was here before, and no installed release', async () => {
    await state.putReleaseDocument({ sequence: 0, name: 'installed.json' }, { files: [] });
    await state.putReleaseFile({ sequence: 0, name: 'kept/abc' }, chunks('as ', 'found'));
    await state.draftRelease(0);
    expect(await state.listReleases()).toEqual([]);
    expect(await state.findReleaseDocument(0, 'installed.json')).toMatchObject({ format: 1, files: [] });
    expect(await readFile(join(state.dir, 'releases/0/kept/abc'), 'utf8')).toBe('as found');
    await state.commitDraft(0);
    expect(await state.findCurrentSequence()).toBe(0);
    expect(await state.findCurrentRelease()).toBeUndefined();
  });
});
