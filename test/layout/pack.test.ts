import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { type PackEntry, packTar } from '../../src/layout/index.ts';

describe('packTar', () => {
  it('packs entries in order, with their bytes, always the same', async () => {
    const entries = () =>
      packTar(each([bytes('x/a', 'hello'), bytes('x/empty', ''), streamed('x/b', ['one', '', 'two'])]));
    const tar = await buffer(entries());
    expect(await membersOf(tar)).toEqual([
      ['x/a', 'hello'],
      ['x/empty', ''],
      ['x/b', 'onetwo'],
    ]);
    expect(await buffer(entries())).toEqual(tar);
  });

  it('pulls no faster than it is read', async () => {
    let given = 0;
    async function* endless() {
      for (;;) {
        given++;
        yield Buffer.alloc(64 * 1024);
      }
    }
    const tar = packTar(each([{ name: 'big', size: 10 ** 12, body: endless() }]));
    for (let read = 0; read < 50; read++) await next(tar);
    expect(given).toBeLessThan(60);
    tar.destroy();
  });

  it('ends with the error of a body that fails, and closes what was open', async () => {
    const closed: string[] = [];
    async function* failing() {
      try {
        yield Buffer.alloc(100_000);
        throw new Error('the medium is gone');
      } finally {
        closed.push('body');
      }
    }
    async function* entries() {
      try {
        yield { name: 'a', size: 200_000, body: failing() };
      } finally {
        closed.push('entries');
      }
    }
    await expect(buffer(packTar(entries()))).rejects.toThrow('the medium is gone');
    expect(closed).toEqual(['body', 'entries']);
  });

  it('ends with the error of the entries themselves', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it has one
    async function* entries(): AsyncGenerator<PackEntry> {
      throw new Error('no plan');
    }
    await expect(buffer(packTar(entries()))).rejects.toThrow('no plan');
  });

  it.each([
    ['shorter', 6],
    ['longer', 4],
  ])('refuses a body that is %s than announced', async (_what, size) => {
    const packing = buffer(packTar(each([{ ...bytes('a', 'hello'), size }])));
    await expect(packing).rejects.toMatchObject({
      code: size > 5 ? 'PACK_FAILED' : 'PACK_FAILED',
      facts: { name: 'a' },
    });
  });

  it('closes the body when whoever reads has gone', async () => {
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield Buffer.alloc(64 * 1024);
      } finally {
        closed = true;
      }
    }
    const tar = packTar(each([{ name: 'big', size: 10 ** 12, body: endless() }]));
    await next(tar);
    tar.destroy();
    for (let turn = 0; turn < 100 && !closed; turn++) await setImmediate();
    expect(closed).toBe(true);
  });

  it('takes a body of more than 8 GiB at its word', async () => {
    const size = 9 * 2 ** 30;
    const tar = packTar(each([{ name: 'big', size, body: each([Buffer.alloc(512)]) }]));
    const header = (await next(tar)) as Buffer;
    expect(header.readBigUInt64BE(128)).toBe(BigInt(size));
    tar.on('error', () => {});
    tar.destroy();
  });
});

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function bytes(name: string, text: string): PackEntry {
  return { name, size: text.length, body: Buffer.from(text) };
}

function streamed(name: string, texts: readonly string[]): PackEntry {
  return { name, size: texts.join('').length, body: each(texts.map((text) => Buffer.from(text))) };
}

async function next(stream: Readable): Promise<unknown> {
  for (;;) {
    const chunk = stream.read();
    if (chunk !== null) return chunk;
    await new Promise((resolve) => stream.once('readable', resolve));
  }
}

async function membersOf(tar: Buffer): Promise<[string, string][]> {
  const members: [string, string][] = [];
  const reader = extract();
  Readable.from([tar]).pipe(reader);
  for await (const entry of reader) {
    const { name, uid, gid, mtime, mode } = entry.header;
    expect({ uid, gid, mtime, mode }).toEqual({ uid: 0, gid: 0, mtime: new Date(0), mode: 0o644 });
    members.push([name, (await buffer(entry)).toString()]);
  }
  return members;
}
