/** The order of a transaction, and what its journal says before each step: forward, back, settling, and cut off. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/docker/index.ts';
import { FolderTree } from '../../src/install/files/folder.ts';
import { installed } from '../../src/install/steps/installed.ts';
import type { Site, Step } from '../../src/install/steps/step.ts';
import { moveTags } from '../../src/install/steps/tags.ts';
import { findPending, type Journal } from '../../src/install/transaction/journal.ts';
import { recoverPending } from '../../src/install/transaction/recover.ts';
import { siteFor } from '../../src/install/transaction/site.ts';
import { runTransaction } from '../../src/install/transaction/transaction.ts';
import { type Digest, digestOf } from '../../src/oci/index.ts';
import { ensureSiteIdentity } from '../../src/site/index.ts';
import { openState, type SiteState } from '../../src/state/index.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const [OLD, NEW]: readonly Digest[] = [digestOf(Buffer.from('old')), digestOf(Buffer.from('new'))];
const facts = { socket: 'unix:///engine', id: 'the-engine' };

let base: string;
let state: SiteState;
let log: string[];
/** Names of a small engine, and the calls that fail. */
let names: Map<string, Digest>;
let failing: Set<string>;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-transaction-'));
  state = await openState(join(base, 'state'));
  log = [];
  names = new Map([['server', OLD as Digest]]);
  failing = new Set();
});
afterEach(() => rm(base, { recursive: true, force: true }));

const engine = {
  facts,
  findTag: async (name: string) => names.get(name),
  hasImage: async () => true,
  tag: async (imageID: Digest, name: string) => {
    if (failing.has(imageID)) throw new Error(`no tag for ${imageID === NEW ? 'new' : 'old'}`);
    names.set(name, imageID);
  },
  close: () => {},
} as unknown as Engine;

const tellNobody = async () => [];

/** A site whose journal writes are logged: direction, step, and what the engine's name is on by then. */
async function siteOf(signal?: AbortSignal): Promise<Site> {
  const logged: SiteState = {
    ...state,
    writeJournal: async (fields) => {
      const { direction, at } = fields as unknown as Journal;
      log.push(`${direction} ${at} ${names.get('server') === NEW ? 'new' : 'old'}`);
      await state.writeJournal(fields);
    },
  };
  const identity = await ensureSiteIdentity(state);
  const tree = new FolderTree(base);
  const about = { id: '0123456789ab', state: logged, identity, engine, prefix: base, tree, now: NOW, began: 0 };
  return siteFor({ ...about, signal, tell: tellNobody, warn: (line) => log.push(line) });
}

const note = (sequence: number): Step =>
  installed({ sequence, before: null, after: { sequence, tags: [], files: [] } });
const move = moveTags([{ name: 'server', from: OLD as Digest, to: NEW as Digest }]) as Step;

const journalOf = (steps: readonly Step[], more: Partial<Journal> = {}): Journal => ({
  id: '0123456789ab',
  command: 'import',
  title: 'import atrium 2.0.0 (sequence 2)',
  prefix: base,
  engine: facts,
  started: NOW.toISOString(),
  steps,
  at: 0,
  direction: 'forward',
  ...more,
});
const isNoted = async (sequence: number) => (await state.findReleaseDocument(sequence, 'installed.json')) !== undefined;
const recover = () => recoverPending(state, { engine: async () => engine, now: NOW });

describe('a transaction', () => {
  it('is written down before each step and before it settles, and then is gone', async () => {
    await runTransaction(journalOf([note(1), move, note(2)]), await siteOf());
    expect(log).toEqual(['forward 0 old', 'forward 1 old', 'forward 2 new', 'settle 2 new']);
    expect(await findPending(state)).toBeUndefined();
  });

  it('that fails is undone in reverse, the step that failed included, and written down before each undo', async () => {
    failing.add(NEW as string);
    await expect(runTransaction(journalOf([note(1), move, note(2)]), await siteOf())).rejects.toThrow('no tag for new');
    expect(log).toEqual(['forward 0 old', 'forward 1 old', 'back 1 old', 'back 0 old']);
    expect([await isNoted(1), await isNoted(2)]).toEqual([false, false]);
    expect(await findPending(state)).toBeUndefined();
  });

  it('that is interrupted stops before the next step and is undone', async () => {
    const stopping = new AbortController();
    const site = await siteOf(stopping.signal);
    const tag: Engine['tag'] = async (...args) => {
      await engine.tag(...args);
      stopping.abort();
    };
    const running = runTransaction(journalOf([move, note(2)]), { ...site, engine: { ...engine, tag } });
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect([names.get('server'), await isNoted(2)]).toEqual([OLD, false]);
  });

  it('stops where a step cannot be undone, says so, and leaves the journal for later', async () => {
    const site = await siteOf();
    const broken: SiteState = {
      ...site.state,
      putReleaseDocument: async (place, fields) => {
        if (place.sequence === 3) failing.add(OLD as string);
        if (place.sequence === 3) throw new Error('no room');
        await state.putReleaseDocument(place, fields);
      },
    };
    const running = runTransaction(journalOf([note(1), move, note(3)]), { ...site, state: broken });
    await expect(running).rejects.toMatchObject({
      code: 'UNDO_INCOMPLETE',
      message: 'no room; undo: expected all as before, got stuck at move tags: no tag for old',
    });
    expect(await isNoted(1)).toBe(true);
    expect(await findPending(state)).toMatchObject({ direction: 'back', at: 1, reason: 'no room' });
    failing.clear();
    expect(await recover()).toMatchObject({ recovered: 'undone', title: 'import atrium 2.0.0 (sequence 2)' });
    expect([names.get('server'), await isNoted(1)]).toEqual([OLD, false]);
  });
});

describe('what became of it', () => {
  it.each([
    ['finished', () => undefined],
    ['undone', () => failing.add(NEW as string)],
  ])('is told, when it is %s, before the journal goes; that it could not be told is said', async (became, prepare) => {
    prepare();
    const site = await siteOf();
    const tell: Site['tell'] = async (what) => {
      log.push(`told ${what}, ${(await findPending(state)) === undefined ? 'no journal' : 'pending'}`);
      return ['no room for a line'];
    };
    await runTransaction(journalOf([move]), { ...site, tell }).catch(() => undefined);
    expect(log.slice(-2)).toEqual([`told ${became}, pending`, 'no room for a line']);
    expect(await findPending(state)).toBeUndefined();
  });
});

describe('what cannot be cleaned away', () => {
  const hold: Step = { kind: 'hold', name: 'hold images', data: { site: 'x', pins: [], before: [] } };
  const unpinning = (unpin: Engine['unpin']) => {
    const pins = [{ handle: 'a', imageID: OLD, label: 'import x' }];
    return { ...engine, findPins: async () => pins, unpin } as Engine;
  };

  it('is said, and left to recover, though the outcome stands', async () => {
    const site = await siteOf();
    const stuck = unpinning(() => Promise.reject(new Error('no unpin')));
    await runTransaction(journalOf([hold, move]), { ...site, engine: stuck });
    expect(log.at(-1)).toBe('left behind after hold images, `ferry recover` tries again: no unpin');
    expect(await findPending(state)).toMatchObject({ direction: 'settle' });
    const unpinned: string[] = [];
    const free = unpinning(async (handle) => void unpinned.push(handle));
    expect(await recoverPending(state, { engine: async () => free, now: NOW })).toMatchObject({
      recovered: 'finished',
    });
    expect([unpinned, await findPending(state), names.get('server')]).toEqual([['a'], undefined, NEW]);
  });
});

describe('recovery', () => {
  it('has nothing to do where nothing is pending', async () => {
    expect(await recover()).toEqual({ recovered: null, warnings: [] });
  });

  it('goes forward when only steps are left that need no medium', async () => {
    await state.writeJournal({ ...journalOf([note(1), move, note(2)], { at: 0 }) });
    expect(await recover()).toMatchObject({ recovered: 'finished' });
    expect([names.get('server'), await isNoted(1), await isNoted(2)]).toEqual([NEW, true, true]);
    expect(await findPending(state)).toBeUndefined();
  });

  it('goes back when a step that needs the medium was begun', async () => {
    const load: Step = { kind: 'keep', name: 'keep release 2', data: { sequence: 2 } };
    await state.draftRelease(2);
    await state.writeJournal({ ...journalOf([load, move], { at: 0 }) });
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect(await state.findDraft(2)).toBeUndefined();
    expect(names.get('server')).toBe(OLD);
  });

  it('goes on going back, also from a step that is undone already', async () => {
    names.set('server', NEW as Digest);
    await state.writeJournal({ ...journalOf([move, note(2)], { at: 1, direction: 'back' }) });
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect(names.get('server')).toBe(OLD);
  });

  it('goes back, and from the very end, when what was to be finished cannot be', async () => {
    failing.add(NEW as string);
    await state.putReleaseDocument({ sequence: 2, name: 'installed.json' }, {});
    await state.writeJournal({ ...journalOf([move, note(2)], { at: 1 }) });
    const { recovered, warnings } = await recover();
    expect(recovered).toBe('undone');
    expect(warnings).toEqual([
      'import atrium 2.0.0 (sequence 2) could not be finished, so it was undone: no tag for new',
    ]);
    expect(await isNoted(2)).toBe(false);
  });

  it('of what only had to settle is finished', async () => {
    names.set('server', NEW as Digest);
    await state.writeJournal({ ...journalOf([move], { direction: 'settle' }) });
    expect(await recover()).toMatchObject({ recovered: 'finished' });
    expect(names.get('server')).toBe(NEW);
  });

  it('refuses another engine than the one that was changed', async () => {
    await state.writeJournal({ ...journalOf([move], { engine: { socket: 'unix:///other', id: 'other' } }) });
    await expect(recover()).rejects.toMatchObject({ code: 'ENGINE_OTHER' });
    expect(await findPending(state)).toBeDefined();
  });

  it('refuses one of the same ID that keeps its images elsewhere', async () => {
    await state.writeJournal({ ...journalOf([move], { engine: { ...facts, dataRoot: '/var/lib/docker' } }) });
    const elsewhere = { ...engine, facts: { ...facts, dataRoot: '/srv/docker' } } as Engine;
    const recovering = recoverPending(state, { engine: async () => elsewhere, now: NOW });
    await expect(recovering).rejects.toMatchObject({ code: 'ENGINE_OTHER' });
  });

  it.each([
    ['no steps', { steps: [] }],
    ['a kind that nobody knows', { steps: [{ kind: 'dance', name: '', data: {} }] }],
    ['no such direction', { direction: 'sideways' }],
  ])('refuses a journal with %s', async (_what, more) => {
    await state.writeJournal({ ...journalOf([move]), ...more });
    await expect(recover()).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
  });

  it('leaves a line in the log', async () => {
    await state.writeJournal({ ...journalOf([move]) });
    await recover();
    const [line] = await state.readAudit({ last: 1 });
    expect(line).toContain('"event":"recovery"');
    expect(line).toContain('"result":"finished"');
  });
});
