import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  canonicalJSON,
  fileDigest,
  findFileBounded,
  parseJSON,
  readBounded,
  readFileBounded,
  verified,
  verifyBytes,
} from '../../src/content/index.ts';
import { digestOf } from '../../src/oci/index.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-content-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** What came out before the end, and how it ended. */
async function drain(source: AsyncIterable<Uint8Array>): Promise<{ out: string; code?: string }> {
  let out = '';
  try {
    for await (const chunk of source) out += Buffer.from(chunk).toString();
    return { out };
  } catch (error) {
    return { out, code: (error as { code: string }).code };
  }
}

const abc = { digest: digestOf(Buffer.from('abc')), size: 3 };

describe('verified', () => {
  it('passes what is as promised', async () => {
    expect(await drain(verified(chunks('a', '', 'bc'), abc))).toEqual({ out: 'abc' });
    expect(await drain(verified(chunks(), { digest: digestOf(Buffer.alloc(0)), size: 0 }))).toEqual({ out: '' });
  });

  it('holds the last chunk back when the digest is wrong', async () => {
    expect(await drain(verified(chunks('a', 'bd'), abc))).toEqual({ out: 'a', code: 'DIGEST_MISMATCH' });
  });

  it('stops at one byte too many, endless or not', async () => {
    async function* endless() {
      for (;;) yield Buffer.from('abc');
    }
    expect(await drain(verified(endless(), abc))).toMatchObject({ code: 'SIZE_MISMATCH' });
  });

  it('says how much of a cut-off blob came', async () => {
    await expect(drain(verified(chunks('a', 'b'), abc))).resolves.toEqual({ out: 'a', code: 'SIZE_MISMATCH' });
  });
});

describe('verifyBytes', () => {
  it('takes the right bytes and no others', () => {
    expect(() => verifyBytes(Buffer.from('abc'), abc)).not.toThrow();
    expect(() => verifyBytes(Buffer.from('abd'), abc)).toThrow(expect.objectContaining({ code: 'DIGEST_MISMATCH' }));
    expect(() => verifyBytes(Buffer.from('ab'), abc)).toThrow(expect.objectContaining({ code: 'SIZE_MISMATCH' }));
  });
});

describe('bounded reads', () => {
  it('take exactly the maximum and refuse one byte more', async () => {
    const path = join(dir, 'file');
    await writeFile(path, Buffer.alloc(100_000));
    expect(await readFileBounded(path, { max: 100_000 })).toHaveLength(100_000);
    await expect(readFileBounded(path, { max: 99_999 })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(await readBounded(chunks('ab', 'c'), { max: 3, what: 'x' })).toEqual(Buffer.from('abc'));
    await expect(readBounded(chunks('ab', 'cd'), { max: 3, what: 'x' })).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  it('do not end on a file that has no size, such as a device', async () => {
    await expect(readFileBounded('/dev/zero', { max: 1000 })).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  it('tell a file that is not there from one that cannot be read', async () => {
    expect(await findFileBounded(join(dir, 'none'), { max: 1 })).toBeUndefined();
    await expect(findFileBounded(dir, { max: 1e6 })).rejects.toMatchObject({ code: 'EISDIR' });
  });
});

describe('fileDigest', () => {
  it('is what sha256sum says', async () => {
    await writeFile(join(dir, 'file'), 'abc');
    expect(await fileDigest(join(dir, 'file'))).toBe(abc.digest);
    await expect(fileDigest(join(dir, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('canonicalJSON', () => {
  it('sorts keys and leaves no white space', () => {
    expect(canonicalJSON({ b: [1, 'é"\\'], a: { d: null, c: true } }).toString()).toBe(
      '{"a":{"c":true,"d":null},"b":[1,"é\\"\\\\"]}',
    );
  });

  it('refuses control characters, in keys and in text', () => {
    for (const value of [{ a: 'x\ny' }, { 'a\u0000': 1 }, ['\u001f']]) {
      expect(() => canonicalJSON(value)).toThrow(expect.objectContaining({ code: 'CONTROL_CHARACTER' }));
    }
  });

  it('is read back as the same value', () => {
    const text = fc.string().filter((s: string) => /^[^\p{Cc}\p{Cs}]*$/u.test(s) && s !== '__proto__');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.integer(),
        fc.boolean(),
        fc.array(tie('tree')),
        fc.dictionary(text, tie('tree')),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(parseJSON(canonicalJSON(value), 'x')).toEqual(value);
      }),
    );
  });
});

describe('parseJSON', () => {
  it.each(['', '{', 'nul'])('refuses %j without repeating it', (text) => {
    expect(() => parseJSON(Buffer.from(text), 'ledger.json')).toThrow(
      `read ledger.json: expected JSON, got ${text.length} bytes that are not`,
    );
  });
});

describe('a pipe where a file is expected', () => {
  it('is refused at once, though nobody ever writes into it', async () => {
    const path = join(dir, 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(readFileBounded(path, { max: 10 })).rejects.toMatchObject({ code: 'NO_FILE' });
    await expect(findFileBounded(path, { max: 10 })).rejects.toMatchObject({ code: 'NO_FILE' });
  });
});
