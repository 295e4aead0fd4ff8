import { execFileSync } from 'node:child_process';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHUNK_SIZE, chunkList, chunkListPath } from '../../src/bundle/index.ts';
import { copyBundle } from '../../src/media/index.ts';
import { startSum } from '../../src/media/sums.ts';
import { type Operation, systemError, Tap } from '../../torture/tap.ts';
import { testBundle, writeTestBundle } from '../support/bundles.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import { startFerryGroup } from '../support/killed-ferry.ts';
import { fat, ramfs, tmpfs } from '../support/media.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';
import { temporaryFolder } from '../support/workspaces.ts';

const NAME = 'test-1-1-7.ferry.tar';
const LIST = 'test-1-1-7.ferry.chunks.json';

let made: Promise<Buffer> | undefined;

/** The bytes of a bundle of a little more than two chunks. */
function bundleBytes(): Promise<Buffer> {
  made ??= (async () => {
    const layers = [1, 2].map((seed) => generatedLayer(`copy-${seed}`, 4_500_000));
    const bundle = await testBundle({ images: { 'localhost/a:1': buildImage({ layers }) } });
    return readFileSync(await writeTestBundle(await temporaryFolder(), bundle));
  })();
  return made;
}

/** That bundle, its chunk list, and a folder for the copy. */
async function desk({ hasList = true } = {}): Promise<{ bundle: string; dir: string; size: number }> {
  const bytes = await bundleBytes();
  const bundle = join(await temporaryFolder(), NAME);
  writeFileSync(bundle, bytes);
  const sum = startSum();
  sum.update(bytes);
  if (hasList) writeFileSync(chunkListPath(bundle) as string, chunkList(NAME, bytes.length, sum.finish()));
  return { bundle, dir: await temporaryFolder(), size: bytes.length };
}

function flipByte(path: string, offset: number): void {
  const byte = readFileSync(path)[offset] ?? 0;
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.of(byte ^ 1), 0, 1, offset);
  closeSync(file);
}

/** Copies while something happens to what is read and written below `dir`. */
function copyUnder(options: { bundle: string; dir: string }, before: (operation: Operation) => void) {
  const tap = new Tap({
    folders: [options.dir],
    before: (operation) => {
      before(operation);
      return undefined;
    },
  });
  return tap.run(() => copyBundle(options));
}

describe('a copy', () => {
  it('is the bundle and its chunk list, read back from the medium', async () => {
    const { bundle, dir, size } = await desk();
    const done = await copyBundle({ bundle, dir });
    expect(done).toMatchObject({ readBack: 'direct', warnings: [], dir });
    expect(done.files.map(({ name, action }) => [name, action])).toEqual([
      [NAME, 'written'],
      [LIST, 'written'],
    ]);
    expect(done.files[0]).toMatchObject({ size });
    expect(readdirSync(dir).toSorted()).toEqual([LIST, NAME]);
    expect(readFileSync(join(dir, NAME)).equals(readFileSync(bundle))).toBe(true);
    expect(execFileSync('sha256sum', [bundle], { encoding: 'utf8' })).toContain(done.files[0]?.sha256);
  });

  it('goes past the memory of this computer on FAT and tmpfs too', async () => {
    const { bundle } = await desk();
    expect(await copyBundle({ bundle, dir: await fat('40M') })).toMatchObject({ readBack: 'direct' });
    expect(await copyBundle({ bundle, dir: await tmpfs('40m') })).toMatchObject({ readBack: 'direct' });
  });

  it('says so where the file system does not let it', async () => {
    const { bundle } = await desk();
    const done = await copyBundle({ bundle, dir: await ramfs() });
    expect(done).toMatchObject({ readBack: 'cached', warnings: [expect.stringContaining('memory of this computer')] });
  });

  it('that is there is read again and left, and no other file is overwritten', async () => {
    const { bundle, dir } = await desk();
    await copyBundle({ bundle, dir });
    const { ino } = statSync(join(dir, NAME));
    const again = await copyBundle({ bundle, dir });
    expect(again.files[0]?.action).toBe('same');
    expect(statSync(join(dir, NAME)).ino).toBe(ino);
    flipByte(join(dir, NAME), 5_000_000);
    const altered = readFileSync(join(dir, NAME));
    await expect(copyBundle({ bundle, dir })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(readFileSync(join(dir, NAME)).equals(altered)).toBe(true);
  });

  it('is no link to the original, which would lead nowhere at the site', async () => {
    const { bundle, dir } = await desk();
    symlinkSync(bundle, join(dir, NAME));
    await expect(copyBundle({ bundle, dir })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(readdirSync(dir)).toEqual([NAME]);
  });

  it('never goes through a link that somebody puts under its hidden name meanwhile', async () => {
    const { bundle, dir } = await desk();
    const aim = join(await temporaryFolder(), 'passwd');
    writeFileSync(aim, 'root');
    const hidden = `.${NAME}.partial`;
    const copying = copyUnder({ bundle, dir }, ({ kind, path }) => {
      if (kind === 'create' && path.endsWith(hidden)) symlinkSync(aim, path);
    });
    await expect(copying).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(readFileSync(aim, 'utf8')).toBe('root');
  });

  it('of a bundle that is not as its chunk list says is refused, with the place, and leaves nothing', async () => {
    const { bundle, dir } = await desk();
    flipByte(bundle, 5_000_000);
    await expect(copyBundle({ bundle, dir })).rejects.toMatchObject({
      code: 'DAMAGED',
      facts: { offset: CHUNK_SIZE, length: CHUNK_SIZE },
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('without a chunk list is compared with the original, and says so', async () => {
    const { bundle, dir } = await desk({ hasList: false });
    const { warnings } = await copyBundle({ bundle, dir });
    expect(warnings).toEqual([expect.stringContaining('no chunk list')]);
    expect(readdirSync(dir)).toEqual([NAME]);
  });

  it('of half a file is refused before the first byte', async () => {
    const { bundle, dir } = await desk();
    execFileSync('truncate', ['-s', '5000000', bundle]);
    await expect(copyBundle({ bundle, dir })).rejects.toMatchObject({ code: 'BUNDLE_CUT_OFF' });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('does not begin where it has no room, nor without a folder', async () => {
    const { bundle, dir } = await desk();
    const small = await tmpfs('1m');
    await expect(copyBundle({ bundle, dir: small })).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(readdirSync(small)).toEqual([]);
    await expect(copyBundle({ bundle, dir: join(dir, 'not/there') })).rejects.toMatchObject({
      code: 'MEDIUM_FOLDER_MISSING',
    });
  });

  it('takes away what a run that was killed has left, and nothing else', async () => {
    const { bundle, dir } = await desk();
    writeFileSync(join(dir, `.${NAME}.partial`), 'half');
    writeFileSync(join(dir, '.other.partial'), 'somebody else');
    await copyBundle({ bundle, dir });
    expect(readdirSync(dir).toSorted()).toEqual(['.other.partial', LIST, NAME].toSorted());
  });
});

describe('a stick that fails', () => {
  it('by giving back other bytes is found by reading back, with the place, and has no file of that name', async () => {
    const { bundle, dir } = await desk();
    const copied = copyUnder({ bundle, dir }, ({ kind, path, range }) => {
      if (kind === 'read' && path.endsWith('.partial') && range?.offset === 0) flipByte(path, CHUNK_SIZE + 17);
    });
    await expect(copied).rejects.toMatchObject({ code: 'READ_BACK', facts: { offset: CHUNK_SIZE } });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('once, and then no more, gets a second chance', async () => {
    const { bundle, dir } = await desk();
    let reads = 0;
    await copyUnder({ bundle, dir }, ({ kind, path, range }) => {
      if (kind !== 'read' || !path.endsWith(`${NAME}.partial`) || range?.offset !== CHUNK_SIZE) return;
      reads += 1;
      flipByte(path, CHUNK_SIZE + 17); // there and back
    });
    expect(reads).toBe(2);
    expect(readFileSync(join(dir, NAME)).equals(readFileSync(bundle))).toBe(true);
  });

  it.each(['write', 'read', 'sync'] as const)('in a %s is status 4', async (kind) => {
    const { bundle, dir } = await desk();
    const copied = copyUnder({ bundle, dir }, (operation) => {
      if (operation.kind === kind) throw systemError('EIO', operation);
    });
    await expect(copied).rejects.toMatchObject({ code: kind === 'read' ? 'READ_BACK' : 'WRITE_FAILED' });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('to give the original is damage of that', async () => {
    const { bundle, dir } = await desk();
    const tap = new Tap({
      folders: [bundle],
      before: (operation) => {
        if (operation.kind === 'read' && (operation.range?.offset ?? 0) >= CHUNK_SIZE)
          throw systemError('EIO', operation);
        return undefined;
      },
    });
    await expect(tap.run(() => copyBundle({ bundle, dir }))).rejects.toMatchObject({ code: 'DAMAGED' });
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('ferry copy', () => {
  it('takes a bundle or its folder, and tells what it did', async () => {
    const { bundle, dir } = await desk();
    const ran = await runMain(['copy', join(bundle, '..'), dir, '--json']);
    expect(ran.status).toBe(0);
    expect(jsonResult(ran)).toMatchObject({
      event: 'result',
      readBack: 'direct',
      files: [{ name: NAME, action: 'written' }, { name: LIST }],
    });
  });

  it('is status 4 when the kernel says EIO on the way back', async () => {
    const { bundle, dir } = await desk();
    const inject = ['-e', 'trace=pread64', '-e', 'inject=pread64:error=EIO:when=2+'];
    const partial = join(dir, `.${NAME}.partial`);
    writeFileSync(partial, ''); // strace wants to know the file
    const wrapper = ['strace', '-f', '-qq', '-o', '/dev/null', '-P', partial, ...inject];
    const env = { UV_THREADPOOL_SIZE: '1' };
    const ran = await startFerryGroup(['copy', bundle, dir], { env, wrapper }).ended;
    expect(ran.stderr).toMatch(/^ferry: error: read back .*test-1-1-7\.ferry\.tar: .* got EIO$/m);
    expect(ran.status).toBe(4);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('stops when it is told to, and leaves nothing', async () => {
    const { bundle, dir } = await desk();
    const stop = new AbortController();
    stop.abort();
    const ran = await runMain(['copy', bundle, dir], { signal: stop.signal });
    expect(ran.status).toBe(130);
    expect(readdirSync(dir)).toEqual([]);
  });
});
