// The engine's answer to a load: status 200 whatever happened, so every line counts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureIn, readReply } from '../../src/docker/reply.ts';

async function linesOf(chunks: readonly Uint8Array[]): Promise<object[]> {
  async function* stream() {
    yield* chunks;
  }
  return await Array.fromAsync(readReply(stream()));
}

describe('readReply', () => {
  it('gives the same lines however the bytes are cut, also within a character', async () => {
    const lines = [
      { stream: 'Loaded image: größe:1 😀\n' },
      { status: 'Loading layer' },
      { errorDetail: { message: '…' } },
    ];
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        expect(await linesOf(chunks)).toEqual(lines);
      }),
      { numRuns: 50 },
    );
  });

  it('takes a last line without a newline', async () => {
    expect(await linesOf([Buffer.from('{"stream":"done"}')])).toEqual([{ stream: 'done' }]);
  });

  it.each(['{"stream":"Loaded ima', 'null\n', '[]\n', '"text"\n', '<html>\n'])('refuses %j', async (text) => {
    await expect(linesOf([Buffer.from(text)])).rejects.toMatchObject({ code: 'LOAD_FAILED' });
  });

  it('refuses a line without an end before it fills the memory', async () => {
    const chunks = Array.from({ length: 40 }, () => Buffer.alloc(64 * 1024, 'x'));
    await expect(linesOf(chunks)).rejects.toMatchObject({ code: 'LOAD_FAILED' });
  });
});

describe('failureIn', () => {
  it.each([
    [
      { errorDetail: { message: 'no space left on device' }, error: 'no space left on device' },
      'no space left on device',
    ],
    [{ error: 'old engines say it so' }, 'old engines say it so'],
    [{ errorDetail: {} }, 'an error without words'],
    [{ errorDetail: null }, 'an error without words'],
    [
      { stream: 'Error unpacking image ghcr.io/a:1: no such snapshot\n' },
      'Error unpacking image ghcr.io/a:1: no such snapshot',
    ],
  ])('finds the failure in %j', (line, words) => {
    expect(failureIn(line)).toBe(words);
  });

  it.each([
    { stream: 'Loaded image: a:1\n' },
    { status: 'Loading layer', progressDetail: { current: 1, total: 2 } },
    {},
  ])('finds none in %j', (line) => {
    expect(failureIn(line)).toBeUndefined();
  });
});
