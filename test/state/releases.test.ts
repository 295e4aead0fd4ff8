/** Release folders: drafted whole, committed by two renames and a link, undone without a trace. FORMAT §7. */

import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
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
  const draft = await filledDraft(sequence, text);
  await draft.commit();
  await draft.settle();
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
    expect(await readdir(join(draft.draftDir, 'files'))).toEqual([]);
  });
});

describe('undo', () => {
  it('removes a draft', async () => {
    const draft = await filledDraft(7, 'seven');
    await draft.undo();
    expect(await listed()).toEqual([]);
  });

  it('takes the first release back', async () => {
    const draft = await filledDraft(7, 'seven');
    await draft.commit();
    await draft.undo();
    expect(await listed()).toEqual([]);
    expect(await state.findCurrentRelease()).toBeUndefined();
  });

  it('takes an update back to the release before', async () => {
    await install(7, 'seven');
    const draft = await filledDraft(12, 'twelve');
    await draft.commit();
    await draft.undo();
    expect(await state.findCurrentRelease()).toMatchObject({ sequence: 7, document: bytes('seven') });
    expect(await listed()).toEqual(['7', 'current']);
  });

  it('takes a replacement under the same number back, and does it once', async () => {
    await install(7, 'seven');
    const draft = await filledDraft(7, 'seven again');
    await draft.commit();
    await draft.undo();
    await draft.undo();
    expect(await state.findCurrentRelease()).toMatchObject({ sequence: 7, document: bytes('seven') });
    expect(await listed()).toEqual(['7', 'current']);
  });
});
