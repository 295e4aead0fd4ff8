import { describe, expect, it } from 'vitest';
import { startWriteBack } from '../../src/bundle/write-back.ts';

/** A file whose calls end when the test says so. */
function standIn() {
  const calls: { readonly name: string; end(error?: Error): void }[] = [];
  const call = (name: string) => () =>
    new Promise<void>((resolve, reject) => {
      calls.push({ name, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  return { file: { datasync: call('datasync'), sync: call('sync') }, calls };
}

/** Whether a promise has ended once everything that could go on has gone on. */
async function hasEnded(promise: Promise<void>): Promise<boolean> {
  let ended = false;
  const note = () => {
    ended = true;
  };
  promise.then(note, note);
  await new Promise(setImmediate);
  return ended;
}

const names = (calls: readonly { readonly name: string }[]) => calls.map(({ name }) => name);
const EIO = new Error('EIO');

describe('startWriteBack', () => {
  it('asks after every so many bytes, one call at a time, and for all of it in the end', async () => {
    const { file, calls } = standIn();
    const back = startWriteBack(file, { every: 100 });
    back.written(99);
    expect(names(calls)).toEqual([]);
    back.written(1);
    back.written(500); // while the first is under way
    expect(names(calls)).toEqual(['datasync']);
    calls[0]?.end();
    await back.settled();
    back.written(1);
    expect(names(calls)).toEqual(['datasync', 'datasync']);
    const finished = back.finished();
    expect(await hasEnded(finished)).toBe(false);
    calls[1]?.end();
    expect(await hasEnded(finished)).toBe(false);
    expect(names(calls)).toEqual(['datasync', 'datasync', 'sync']);
    calls[2]?.end();
    await finished;
  });

  it('tells what an early call met at the next bytes, and in the end though the last call succeeds', async () => {
    const { file, calls } = standIn();
    const back = startWriteBack(file, { every: 100 });
    back.written(100);
    calls[0]?.end(EIO);
    await back.settled();
    expect(() => back.written(1)).toThrow(EIO);
    await expect(back.finished()).rejects.toBe(EIO);
    expect(names(calls)).toEqual(['datasync']);
  });

  it('tells in the end what a call met that was under way by then', async () => {
    const { file, calls } = standIn();
    const back = startWriteBack(file, { every: 100 });
    back.written(100);
    const finished = back.finished();
    calls[0]?.end(EIO);
    await expect(finished).rejects.toBe(EIO);
  });

  it('throws what the last call throws', async () => {
    const { file, calls } = standIn();
    const finished = startWriteBack(file).finished();
    await new Promise(setImmediate);
    calls[0]?.end(EIO);
    await expect(finished).rejects.toBe(EIO);
  });

  it.each(['datasync', 'sync'])('has settled only when the %s under way has ended, whatever it says', async (name) => {
    const { file, calls } = standIn();
    const back = startWriteBack(file, { every: 100 });
    if (name === 'datasync') back.written(100);
    else back.finished().catch(() => {});
    await new Promise(setImmediate);
    expect(names(calls)).toEqual([name]);
    const settled = back.settled();
    expect(await hasEnded(settled)).toBe(false);
    calls[0]?.end(EIO);
    await settled;
  });
});
