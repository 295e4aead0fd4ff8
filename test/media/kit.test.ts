import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type KitOptions, layOutKit } from '../../src/media/index.ts';
import { startHerePages } from '../../src/report/index.ts';
import { rotateKey } from '../../src/workspace/index.ts';
import { systemError, Tap } from '../../torture/tap.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import { newFleet, writeCard } from '../support/fleet.ts';
import { executableBytes, kitOffice } from '../support/kits.ts';
import { fat, tmpfs } from '../support/media.ts';
import { NOW } from '../support/proposals.ts';
import { temporaryFolder } from '../support/workspaces.ts';

const FIRST = 'demo-1-1-1.ferry.tar';
const SECOND = 'demo-2-2-2.ferry.tar';
const FIXED = ['SHA256SUMS', 'START-HERE.html', 'START-HERE.txt'];
const EXECUTABLES = ['ferry-linux-arm64', 'ferry-linux-x64', 'ferry-win-x64.exe'];

const listOf = (tar: string): string => tar.replace(/\.tar$/, '.chunks.json');
const kitOf = (tar: string): string[] => [...FIXED, listOf(tar), tar, ...EXECUTABLES, 'root.json'].toSorted();

function layOut(dir: string, bundles: readonly string[] = [], more: Partial<KitOptions> = {}) {
  return layOutKit({ dir, bundles, pages: startHerePages, now: NOW, ...more });
}

/** What `sha256sum -c` says in a folder; throws when it says no. */
function check(dir: string): string {
  return execFileSync('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd: dir, encoding: 'utf8', stdio: 'pipe' });
}

/** Every file below a folder with its bytes. */
function contents(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map(({ parentPath, name }) => join(parentPath, name))
      .toSorted()
      .map((path) => [path.slice(dir.length + 1), readFileSync(path).toString('latin1')]),
  );
}

function flipByte(path: string, offset: number): void {
  const byte = readFileSync(path)[offset] ?? 0;
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.of(byte ^ 1), 0, 1, offset);
  closeSync(file);
}

describe('a kit', () => {
  it('is all that a site needs, under names that sort, and sha256sum takes its sums', async () => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    const dir = await temporaryFolder();
    const kit = await layOut(dir, [bundle]);
    expect(readdirSync(dir).toSorted()).toEqual(kitOf(FIRST));
    const summed = [...check(dir).matchAll(/^(.*): OK$/gm)].map(([, name]) => name);
    expect(summed).toEqual(
      readdirSync(dir)
        .filter((name) => name !== 'SHA256SUMS')
        .toSorted(),
    );
    expect(kit.files.map(({ name }) => name)).toEqual(kitOf(FIRST));
    expect(kit).toMatchObject({ readBack: 'direct', older: [], warnings: [], product: 'demo' });
    expect(kit.bytes).toBe(kit.files.reduce((sum, { size }) => sum + size, 0));
  });

  it('has the executables out of the bundle, which may be run, and the root of the workspace', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    await layOut(dir, [await office.release('1')]);
    expect(readFileSync(join(dir, 'ferry-linux-x64')).equals(executableBytes('1', 'linux/amd64'))).toBe(true);
    expect(readFileSync(join(dir, 'ferry-win-x64.exe')).equals(executableBytes('1', 'windows/amd64'))).toBe(true);
    expect(statSync(join(dir, 'ferry-linux-arm64')).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(dir, 'root.json')).equals(readFileSync(office.workspace.paths.root))).toBe(true);
  });

  it('speaks of the files that are there, and of no digest', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    const { files } = await layOut(dir, [await office.release('1')]);
    for (const page of ['START-HERE.txt', 'START-HERE.html']) {
      const text = readFileSync(join(dir, page), 'utf8');
      expect(text).toContain('sudo install -m 755 /mnt/ferry-linux-x64 /usr/bin/ferry');
      expect(text).toContain('sudo ferry import /mnt --activate');
      for (const { sha256 } of files) expect(text).not.toContain(sha256.slice(0, 8));
    }
  });

  it('laid out again changes nothing', async () => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    const dir = await temporaryFolder();
    await layOut(dir, [bundle]);
    const inodes = () => readdirSync(dir).map((name) => [name, statSync(join(dir, name)).ino]);
    const before = inodes();
    const again = await layOut(dir, [bundle]);
    expect(again.bytes).toBe(0);
    expect(new Set(again.files.map(({ action }) => action))).toEqual(new Set(['same']));
    expect(inodes()).toEqual(before);
    expect((await layOut(dir)).bytes).toBe(0);
  });

  it('without an executable in the release says so, and speaks of a ferry that is there', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    const { warnings } = await layOut(dir, [await office.release('1', { ferry: [] })]);
    expect(warnings).toEqual([expect.stringContaining('no executable')]);
    expect(readFileSync(join(dir, 'START-HERE.txt'), 'utf8')).not.toContain('install -m 755');
  });

  it('on FAT has names that FAT takes, and is read back from it', async () => {
    const office = await kitOffice();
    const dir = await fat('40M');
    const kit = await layOut(dir, [await office.release('1')]);
    expect(kit.readBack).toBe('direct');
    expect(check(dir)).toContain(`${FIRST}: OK`);
    for (const { name } of kit.files) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}[A-Za-z0-9]$/);
    const folded = kit.files.map(({ name }) => name.toLowerCase());
    expect(new Set(folded).size).toBe(folded.length);
  });
});

describe('the former kit', () => {
  it('goes to older/, with its chunk list; all else is replaced, and what is not of a kit stays', async () => {
    const office = await kitOffice();
    const first = await office.release('1');
    const dir = await temporaryFolder();
    await layOut(dir, [first]);
    mkdirSync(join(dir, 'holiday'));
    for (const name of ['notes.txt', 'holiday/beach.jpg', 'demo-0123456789abcdef.site.json', 'ferry-notes']) {
      writeFileSync(join(dir, name), name);
    }
    const kit = await layOut(dir, [await office.release('2')]);
    expect(kit.older).toEqual([FIRST]);
    expect(readdirSync(join(dir, 'older')).toSorted()).toEqual([listOf(FIRST), FIRST]);
    expect(readFileSync(join(dir, 'older', FIRST)).equals(readFileSync(first))).toBe(true);
    expect(readFileSync(join(dir, 'ferry-linux-x64')).equals(executableBytes('2', 'linux/amd64'))).toBe(true);
    expect(kit.files.find(({ name }) => name === 'ferry-linux-x64')?.action).toBe('replaced');
    check(dir);
    const others = ['notes.txt', 'holiday', 'demo-0123456789abcdef.site.json', 'ferry-notes', 'older'];
    expect(readdirSync(dir).toSorted()).toEqual([...kitOf(SECOND), ...others].toSorted());
    expect(readFileSync(join(dir, 'holiday/beach.jpg'), 'utf8')).toBe('holiday/beach.jpg');
  });

  it('is what exports have left, where no bundle is named: the newest stays', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    await office.release('1', { outDir: dir });
    await office.release('2', { outDir: dir });
    const kit = await layOut(dir);
    expect(kit.older).toEqual([FIRST]);
    expect(readdirSync(dir).toSorted()).toEqual([...kitOf(SECOND), 'older'].toSorted());
    check(dir);
  });

  it('comes back from older/ when it is named, and that a newer one goes is said', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    await layOut(dir, [await office.release('1')]);
    await layOut(dir, [await office.release('2')]);
    const kit = await layOut(dir, [join(dir, 'older', FIRST)]);
    expect(kit.older).toEqual([SECOND]);
    expect(kit.warnings).toEqual([expect.stringContaining(`${SECOND} is newer`)]);
    expect(readdirSync(dir)).toContain(FIRST);
    check(dir);
  });

  it('goes there too when it is damaged, but not when it is all there is', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    await layOut(dir, [await office.release('1')]);
    truncateSync(join(dir, FIRST), 5000);
    await expect(layOut(dir)).rejects.toMatchObject({ code: 'BUNDLE_CUT_OFF' });
    const kit = await layOut(dir, [await office.release('2')]);
    expect(kit.older).toEqual([FIRST]);
    expect(kit.warnings).toEqual([expect.stringContaining('damaged')]);
  });
});

describe('the overlays of sites', () => {
  it('lie beside the release, the newest of each, and are summed', async () => {
    const office = await kitOffice();
    const cards = await temporaryFolder();
    const sites = await newFleet(office.workspace, ['plant-1', 'plant-2']);
    const paths = await Promise.all(sites.map((site) => writeCard(join(cards, site.site), site)));
    const dir = await temporaryFolder();
    await office.release('1', { outDir: dir, sites: paths });
    await layOut(dir);
    await office.release('2', { outDir: dir, sites: paths });
    const kit = await layOut(dir);
    const names = sites.map(({ site }) => site).toSorted();
    expect(kit.overlays).toEqual(names.map((site) => ({ site, name: `demo-${site}-2.ferry.tar` })));
    expect(kit.older.toSorted()).toEqual([FIRST, ...names.map((site) => `demo-${site}-1.ferry.tar`)].toSorted());
    expect(kit.warnings).toEqual([]);
    expect(check(dir)).toContain(`demo-${names[0]}-2.ferry.tar: OK`);
    expect(readFileSync(join(dir, 'START-HERE.txt'), 'utf8')).toContain('computer takes its own');
  });
});

describe('a kit is refused', () => {
  it('without any bundle, and for two releases at once', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    await expect(layOut(dir)).rejects.toMatchObject({ code: 'KIT_EMPTY' });
    const both = [await office.release('1'), await office.release('2')];
    await expect(layOut(dir, both)).rejects.toMatchObject({ code: 'KIT_RELEASES' });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('beside the bundles of another product', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    await office.release('1', { outDir: dir });
    const other = await temporaryFolder();
    await runMain(['init', join(other, 'ws'), '--product', 'shop', '--no-passphrase']);
    await runMain(['catalogue', 'export', '--out', other, '--workspace', join(other, 'ws')]);
    const foreign = readdirSync(other).find((name) => name.endsWith('.tar')) as string;
    const before = contents(dir);
    await expect(layOut(dir, [join(other, foreign)])).rejects.toMatchObject({ code: 'KIT_PRODUCTS' });
    expect(contents(dir)).toEqual(before);
  });

  it('under another root than that of the workspace', async () => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    const dir = await temporaryFolder();
    const root = () => readFileSync(office.workspace.paths.root);
    await layOut(dir, [bundle], { officeRoot: root() });
    await rotateKey(office.workspace, 'timestamp');
    await expect(layOut(dir, [bundle], { officeRoot: root() })).rejects.toMatchObject({ code: 'KIT_ROOT' });
  });

  it('after the end of its catalogue', async () => {
    const office = await kitOffice();
    const now = new Date(NOW.getTime() + 401 * 86_400_000);
    await expect(layOut(await temporaryFolder(), [await office.release('1')], { now })).rejects.toMatchObject({
      code: 'EXPIRED',
    });
  });

  it.each(['START-HERE.txt', 'START-HERE.html', 'SHA256SUMS', 'root.json', 'ferry-linux-x64', 'older'])(
    'where %s is somebody else’s, who keeps it',
    async (name) => {
      const office = await kitOffice();
      const dir = await temporaryFolder();
      await office.release('1', { outDir: dir });
      const bundle = await office.release('2');
      writeFileSync(join(dir, name), 'mine');
      const before = contents(dir);
      await expect(layOut(dir, [bundle])).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      expect(contents(dir)).toEqual(before);
    },
  );

  it.each(['older', 'root.json', SECOND])('where %s is a link that leads off the stick', async (name) => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    await office.release('1', { outDir: dir });
    const bundle = await office.release('2');
    const aim = name === SECOND ? bundle : join(dirname(bundle), 'aim');
    if (name === 'older') mkdirSync(aim);
    else if (name === 'root.json') copyFileSync(join(office.workspace.dir, name), aim);
    symlinkSync(aim, join(dir, name));
    await expect(layOut(dir, [bundle])).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(readdirSync(dir)).toContain(FIRST);
    if (name === 'older') expect(readdirSync(aim)).toEqual([]);
  });

  it('before the first byte where it has no room', async () => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    const dir = await tmpfs('128k');
    await expect(layOut(dir, [bundle])).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each([true, false])('of a bundle with one bit changed (chunk list beside it: %s)', async (hasList) => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    if (!hasList) rmSync(bundle.replace(/\.tar$/, '.chunks.json'));
    const at = readFileSync(bundle).indexOf('ferry of release 1');
    flipByte(bundle, at);
    const dir = await temporaryFolder();
    await expect(layOut(dir, [bundle])).rejects.toMatchObject({ code: 'DAMAGED' });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('of an executable that is not as signed, though a chunk list says that all is well', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    const bundle = await office.release('1', { outDir: dir });
    const good = contents(dir);
    flipByte(bundle, readFileSync(bundle).indexOf('ferry of release 1'));
    const { sha256 } = await sumsOf(bundle);
    const list = JSON.parse(good[listOf(FIRST)] as string);
    writeFileSync(join(dir, listOf(FIRST)), JSON.stringify({ ...list, sha256, chunks: [sha256] }));
    await expect(layOut(dir)).rejects.toMatchObject({ code: 'DAMAGED' });
    expect(readdirSync(dir).toSorted()).toEqual([listOf(FIRST), FIRST]);
  });
});

async function sumsOf(path: string): Promise<{ sha256: string }> {
  return { sha256: execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64) };
}

describe('a kit that is cut off', () => {
  it('at any change is completed by the same command, and says no until then', async () => {
    const office = await kitOffice();
    const [first, second] = [await office.release('1'), await office.release('2')];
    const start = async () => {
      const dir = await temporaryFolder();
      await layOut(dir, [first]);
      writeFileSync(join(dir, 'notes.txt'), 'mine');
      return dir;
    };
    const whole = await start();
    await layOut(whole, [second]);
    const expected = contents(whole);
    for (let at = 1, isDone = false; !isDone; at += 3) {
      const dir = await start();
      const tap = new Tap({ folders: [dir], before: (_, count) => (count === at ? 'stop' : undefined) });
      isDone = (await tap.run(() => layOut(dir, [second]))) !== 'stopped';
      const names = readdirSync(dir);
      if (!isDone && !names.includes(FIRST)) expect(() => check(dir), `stopped at ${at}`).toThrow();
      await layOut(dir, [second]);
      expect(contents(dir), `stopped at ${at}`).toEqual(expected);
    }
  });

  it('by a stick that fails leaves the former one as it was', async () => {
    const office = await kitOffice();
    const [first, second] = [await office.release('1'), await office.release('2')];
    const dir = await temporaryFolder();
    await layOut(dir, [first]);
    const before = contents(dir);
    const tap = new Tap({
      folders: [dir],
      before: (operation) => {
        if (operation.kind === 'read' && operation.path.endsWith('ferry-linux-x64.partial'))
          throw systemError('EIO', operation);
        return undefined;
      },
    });
    await expect(tap.run(() => layOut(dir, [second]))).rejects.toMatchObject({ code: 'READ_BACK' });
    expect(contents(dir)).toEqual(before);
    check(dir);
  });
});

describe('a person who stops it', () => {
  it.each(['write', 'read back'])('in %s finds the stick as it was', async (name) => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    await layOut(dir, [await office.release('1')]);
    const before = contents(dir);
    const stop = new AbortController();
    // what is large enough to be told of is not in this release: so the first operation of the kind will do
    const kind = name === 'write' ? 'write' : 'read';
    const tap = new Tap({
      folders: [dir],
      before: (operation) => {
        if (operation.kind === kind && operation.path.endsWith('.partial')) stop.abort(new Error('ctrl-c'));
        return undefined;
      },
    });
    const bundle = await office.release('2');
    await expect(tap.run(() => layOut(dir, [bundle], { signal: stop.signal }))).rejects.toThrow('ctrl-c');
    expect(contents(dir)).toEqual(before);
  });
});

describe('ferry kit', () => {
  it('lays out, and tells what is there', async () => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    const dir = await temporaryFolder();
    const workspace = office.workspace.dir;
    const ran = await runMain(['kit', dir, '--bundle', bundle, '--workspace', workspace, '--json'], { now: NOW });
    expect(ran.status).toBe(0);
    const result = jsonResult(ran);
    expect(result).toMatchObject({ older: [], bytes: expect.any(Number), readBack: 'direct' });
    expect((result['files'] as { name: string }[]).map(({ name }) => name)).toEqual(kitOf(FIRST));
  });

  it('is status 3 with the workspace of somebody else, 75 without a stick', async () => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    const dir = await temporaryFolder();
    await runMain(['init', join(dir, 'ws'), '--product', 'demo', '--no-passphrase'], { now: NOW });
    const stick = join(dir, 'stick');
    const ran = await runMain(['kit', stick, '--bundle', bundle, '--workspace', join(dir, 'ws')], { now: NOW });
    expect(ran.status).toBe(3);
    expect(readdirSync(stick)).toEqual([]);
    expect((await runMain(['kit', join(dir, 'a/b'), '--bundle', bundle], { now: NOW })).status).toBe(75);
  });

  it('takes the name of the format, whatever the file was called', async () => {
    const office = await kitOffice();
    const dir = await temporaryFolder();
    const renamed = join(await temporaryFolder(), 'for plant 7 (new!).ferry.tar');
    copyFileSync(await office.release('1'), renamed);
    await layOut(dir, [renamed]);
    expect(readdirSync(dir).toSorted()).toEqual(kitOf(FIRST));
    expect(basename(renamed)).not.toBe(FIRST);
  });
});
