/** Files at their destinations: the way is opened safely, the switch is whole, the undo leaves no trace. FORMAT §3. */

import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstallFile } from '../../src/install/destination.ts';
import { type FilePlan, fileSteps, planFiles } from '../../src/install/file-steps.ts';
import { findPackageOwner } from '../../src/install/package-owner.ts';
import { runSteps, type Step } from '../../src/install/step.ts';
import { digestOf } from '../../src/oci/index.ts';

const PATH = '/etc/atrium/tls/a.conf';

let prefix: string;
let plans: FilePlan[];

beforeEach(async () => {
  prefix = await mkdtemp(join(tmpdir(), 'ferry-files-'));
  plans = [];
});
afterEach(async () => {
  for (const { tree } of plans) await tree.close();
  await rm(prefix, { recursive: true, force: true });
});

const texts = new Map<string, string>();
function file(text: string, path = PATH, mode = 0o640): InstallFile {
  const bytes = Buffer.from(text);
  texts.set(path, text);
  return { name: 'a', entry: 'files/a', path, mode, digest: digestOf(bytes), size: bytes.length };
}

async function plan(...files: InstallFile[]): Promise<FilePlan> {
  const made = await planFiles(files, { prefix, folders: ['/etc/atrium'] });
  plans.push(made);
  return made;
}

async function* read({ path }: InstallFile): AsyncGenerator<Uint8Array> {
  yield Buffer.from(texts.get(path) ?? '');
}

async function install(...files: InstallFile[]): Promise<void> {
  await run(await plan(...files));
}

async function run(made: FilePlan, ...after: Step[]): Promise<void> {
  const steps = fileSteps(made, read);
  if (steps) await runSteps([steps.stage, steps.switch, ...after], { onWarning: () => {} });
}

const failing: Step = { name: 'fail', apply: () => Promise.reject(new Error('later')), undo: async () => {} };
const at = (path: string): string => join(prefix, path);
const text = (path: string): Promise<string> => readFile(at(path), 'utf8');

describe('a file at its destination', () => {
  it('is written with its mode, and its folders are made', async () => {
    await install(file('new'));
    expect(await text(PATH)).toBe('new');
    expect((await stat(at(PATH))).mode & 0o777).toBe(0o640);
    expect((await stat(at('/etc/atrium/tls'))).mode & 0o777).toBe(0o755);
    expect(await readdir(at('/etc/atrium/tls'))).toEqual(['a.conf']);
  });

  it('replaces what was there and leaves nothing else behind', async () => {
    await install(file('old'));
    await install(file('new'));
    expect(await text(PATH)).toBe('new');
    expect(await readdir(at('/etc/atrium/tls'))).toEqual(['a.conf']);
  });

  it('is left alone when it is the same, byte for byte and with its mode', async () => {
    await install(file('same'));
    const { ino } = await stat(at(PATH));
    const made = await plan(file('same'));
    expect(made.files.map(({ action }) => action)).toEqual(['same']);
    expect(fileSteps(made, read)).toBeUndefined();
    expect((await stat(at(PATH))).ino).toBe(ino);
    await chmod(at(PATH), 0o644);
    expect((await plan(file('same'))).files[0]?.action).toBe('installed');
  });

  it('keeps the owner of its predecessor', async () => {
    await install(file('old'));
    await chown(at(PATH), 1234, 1234);
    await install(file('new'));
    expect(await stat(at(PATH))).toMatchObject({ uid: 1234, gid: 1234 });
    expect((await plan(file('new'))).files[0]?.action).toBe('same');
  });
});

describe('a later step that fails', () => {
  it('takes a new file and the folders made for it away', async () => {
    await expect(run(await plan(file('new')), failing)).rejects.toThrow('later');
    expect(await readdir(prefix)).toEqual([]);
  });

  it('gives the former file back, the very inode', async () => {
    await install(file('old'));
    const { ino } = await stat(at(PATH));
    const other = file('other', '/etc/atrium/b.conf');
    await expect(run(await plan(file('new'), other), failing)).rejects.toThrow('later');
    expect(await text(PATH)).toBe('old');
    expect((await stat(at(PATH))).ino).toBe(ino);
    expect(await readdir(at('/etc/atrium'))).toEqual(['tls']);
    expect(await readdir(at('/etc/atrium/tls'))).toEqual(['a.conf']);
  });

  it('leaves a folder that others have filled meanwhile', async () => {
    const meddling: Step = {
      name: 'meddle',
      apply: async () => {
        await writeFile(at('/etc/atrium/theirs'), 'x');
        throw new Error('later');
      },
      undo: async () => {},
    };
    await expect(run(await plan(file('new')), meddling)).rejects.toThrow('later');
    expect(await readdir(at('/etc/atrium'))).toEqual(['theirs']);
  });

  it('takes a draft away that could not be written to its end', async () => {
    await install(file('old'));
    const made = await plan(file('new'), file('two', '/etc/atrium/tls/b.conf'));
    const steps = fileSteps(made, async function* (one) {
      yield Buffer.from('half');
      if (one.path !== PATH) throw new Error('medium gone');
    });
    if (!steps) throw new Error('expected steps');
    await expect(runSteps([steps.stage, steps.switch], { onWarning: () => {} })).rejects.toThrow('medium gone');
    expect(await readdir(at('/etc/atrium/tls'))).toEqual(['a.conf']);
    expect(await text(PATH)).toBe('old');
  });
});

describe('the way to a destination', () => {
  const unsafe = { code: 'DESTINATION_UNSAFE' };

  it.each(['/etc', '/etc/atrium', '/etc/atrium/tls'])('is refused over a link at %s', async (link) => {
    const elsewhere = join(prefix, 'elsewhere');
    await mkdir(elsewhere);
    await mkdir(dirname(at(link)), { recursive: true });
    await symlink(elsewhere, at(link));
    await expect(plan(file('new'))).rejects.toMatchObject({ ...unsafe, facts: { path: link } });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('is refused when the file itself is a link', async () => {
    await mkdir(at('/etc/atrium/tls'), { recursive: true });
    await writeFile(at('/target'), 'theirs');
    await symlink('/target', at(PATH));
    await expect(plan(file('new'))).rejects.toMatchObject(unsafe);
    expect(await text('/target')).toBe('theirs');
  });

  it('is refused when something else than a file is there', async () => {
    await mkdir(at(PATH), { recursive: true });
    await expect(plan(file('new'))).rejects.toMatchObject(unsafe);
  });

  it('is refused over a file', async () => {
    await mkdir(at('/etc'), { recursive: true });
    await writeFile(at('/etc/atrium'), 'x');
    await expect(plan(file('new'))).rejects.toMatchObject(unsafe);
  });

  it.each([
    ['everybody', 0o757, 0],
    ['everybody, sticky', 0o1777, 0],
    ['a group', 0o775, 1234],
  ])('is refused where %s may write', async (_who, mode, gid) => {
    await mkdir(at('/etc/atrium/tls'), { recursive: true });
    await chown(at('/etc/atrium'), 0, gid);
    await chmod(at('/etc/atrium'), mode);
    await expect(plan(file('new'))).rejects.toMatchObject({ ...unsafe, facts: { path: '/etc/atrium' } });
  });

  it('is refused through a folder of another user', async () => {
    await mkdir(at('/etc/atrium'), { recursive: true });
    await chown(at('/etc/atrium'), 1234, 1234);
    await expect(plan(file('new'))).rejects.toMatchObject(unsafe);
  });

  it('stays the folder that was looked at, though its name is given to a link meanwhile', async () => {
    await mkdir(at('/etc/atrium/tls'), { recursive: true });
    await mkdir(at('/elsewhere'));
    const made = await plan(file('new'));
    await rm(at('/etc/atrium/tls'), { recursive: true });
    await symlink(at('/elsewhere'), at('/etc/atrium/tls'));
    await expect(run(made)).rejects.toThrow();
    expect(await readdir(at('/elsewhere'))).toEqual([]);
  });
});

describe('a folder of the system’s packages', () => {
  const owner = async (path: string) => (path === '/etc/atrium' ? 'atrium-server' : undefined);

  it('is refused on a real site, named with its package', async () => {
    const planning = planFiles([file('new', '/etc/atrium/ferry-test/x')], {
      prefix: '/',
      folders: ['/etc/atrium'],
      findOwner: owner,
    });
    await expect(planning).rejects.toMatchObject({ code: 'FOLDER_OWNED', facts: { owner: 'atrium-server' } });
  });

  it('is nobody’s below a prefix', async () => {
    const made = await planFiles([file('new')], { prefix, folders: ['/etc/atrium'], findOwner: owner });
    plans.push(made);
    expect(made.files).toHaveLength(1);
  });

  it('is found by asking dpkg', async () => {
    expect(await findPackageOwner('/etc/apt')).toMatch(/\bapt\b/);
    expect(await findPackageOwner('/etc/atrium')).toBeUndefined();
    expect(await findPackageOwner('/etc/ap*')).toBeUndefined();
  });
});
