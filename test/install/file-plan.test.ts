/** What is planned for each file: nothing, a new one, or that an edit stays; and the ways that are refused. FORMAT §3. */

import { chmod, chown, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstallFile } from '../../src/install/files/destination.ts';
import { type FilePlan, type PlanFilesOptions, planFiles } from '../../src/install/files/file-plan.ts';
import { findPackageOwner } from '../../src/install/files/package-owner.ts';
import type { InstalledFile } from '../../src/install/kept/installed.ts';
import { digestOf } from '../../src/oci/index.ts';
import { SwitchLab, stageStep } from './switch-lab.ts';

const PATH = '/etc/atrium/tls/a.conf';
const OTHER = '/etc/atrium/b.conf';

let lab: SwitchLab;
let plans: FilePlan[];

beforeEach(async () => {
  lab = await SwitchLab.create();
  plans = [];
});
afterEach(async () => {
  for (const { tree } of plans) await tree.close();
  await lab.remove();
});

function file(text: string, path = PATH, mode = 0o640): InstallFile {
  const bytes = Buffer.from(text);
  const name = path === PATH ? 'a' : 'b';
  return { name, entry: `files/${name}`, path, mode, digest: digestOf(bytes), size: bytes.length };
}

async function plan(files: readonly InstallFile[], more: Partial<PlanFilesOptions> = {}): Promise<FilePlan> {
  const made = await planFiles(files, { prefix: lab.prefix, folders: ['/etc/atrium'], ...more });
  plans.push(made);
  return made;
}

function installed(text: string | null, from: InstalledFile['from'] = 'release', path = PATH): InstalledFile {
  const bytes = Buffer.from(text ?? '');
  const digest = text === null ? null : digestOf(bytes);
  return { path, name: 'a', digest, size: bytes.length, mode: 0o640, uid: 0, gid: 0, from };
}

const last = (...files: InstalledFile[]) => ({ last: { files } });
const actions = ({ files }: FilePlan) => files.map(({ action }) => action);

describe('a plan of files', () => {
  it('leaves alone what is the same, byte for byte and with its mode, plain or a link of ours', async () => {
    await lab.put(PATH, 'same');
    await chmod(lab.at(PATH), 0o640);
    await lab.install('aaaaaaaaaaaa', await lab.want(OTHER, 'same too'));
    expect(actions(await plan([file('same'), file('same too', OTHER)]))).toEqual(['same', 'same']);
    await chmod(lab.at(PATH), 0o644);
    await chmod(lab.at(OTHER), 0o644);
    expect(actions(await plan([file('same'), file('same too', OTHER)]))).toEqual(['installed', 'installed']);
  });

  it('says what is there, to the owner', async () => {
    await lab.put(PATH, 'theirs');
    await chown(lab.at(PATH), 1234, 4321);
    const [planned] = (await plan([file('new')])).files;
    const found = { digest: digestOf(Buffer.from('theirs')), size: 6, mode: 0o644, uid: 1234, gid: 4321 };
    expect(planned).toMatchObject({ action: 'installed', found });
  });

  it('counts whose a file is as the operator’s affair', async () => {
    await lab.install('aaaaaaaaaaaa', await lab.want(PATH, 'same'));
    await chown(lab.at(PATH), 1234, 1234);
    expect(actions(await plan([file('same')]))).toEqual(['same']);
  });

  it('replaces on a first import what it finds, and says so', async () => {
    await lab.put(PATH, 'theirs');
    const made = await plan([file('new'), file('b', OTHER)]);
    expect(made).toMatchObject({ edits: [], replaced: [] });
    expect(made.warnings).toEqual([expect.stringContaining(PATH)]);
  });
});

describe('a local edit', () => {
  beforeEach(() => lab.put(PATH, 'edited'));

  it.each<[string, readonly InstalledFile[]]>([
    ['a file that was changed', [installed('as installed')]],
    ['a file where none was installed', []],
    ['a file where nothing was', [installed(null, 'found')]],
    ['a file that was kept at the last import', [installed('edited', 'kept')]],
    ['a file that was found and written down', [installed('edited', 'found')]],
  ])('is %s', async (_what, files) => {
    const { edits, warnings } = await plan([file('new')], last(...files));
    expect(edits).toMatchObject([{ file: { path: PATH }, found: { size: 6 } }]);
    expect(edits[0]?.last).toEqual(files[0]);
    expect(warnings).toEqual([]);
  });

  it.each<[string, readonly InstalledFile[], string]>([
    ['as it was last installed', [installed('edited')], 'new'],
    ['of a site, as it was last installed', [installed('edited', 'site')], 'new'],
    ['as it is to be', [installed('as installed')], 'edited'],
    ['as it is to be, and was kept', [installed('edited', 'kept')], 'edited'],
  ])('is not one that is %s', async (_what, files, text) => {
    expect((await plan([file(text)], last(...files))).edits).toEqual([]);
  });

  it('is not a file that is gone: it is written again', async () => {
    await rm(lab.at(PATH));
    const made = await plan([file('new')], last(installed('as installed')));
    expect(made.edits).toEqual([]);
    expect(actions(made)).toEqual(['installed']);
  });

  it.each([['a'], [PATH]])('stays when %s is to be kept', async (name) => {
    const made = await plan([file('new')], { ...last(installed('as installed')), keepLocal: [name] });
    expect(made).toMatchObject({ edits: [], replaced: [] });
    expect(actions(made)).toEqual(['kept']);
  });

  it.each([['a'], [PATH]])('goes when %s is to be replaced, and is told of', async (name) => {
    const made = await plan([file('new')], { ...last(installed('as installed')), replace: [name] });
    expect(made).toMatchObject({ edits: [], replaced: [{ file: { path: PATH } }] });
    expect(actions(made)).toEqual(['installed']);
  });

  it('stays on a first import too when it is to be kept', async () => {
    expect(actions(await plan([file('new')], { keepLocal: ['a'] }))).toEqual(['kept']);
  });

  it.each(['keepLocal', 'replace'])('is not named by a name that no file has (%s)', async (option) => {
    const planning = plan([file('new')], { [option]: ['a', 'other'] });
    await expect(planning).rejects.toMatchObject({ code: 'NO_SUCH_FILE', facts: { name: 'other', names: ['a'] } });
  });
});

describe('the way to a destination', () => {
  const unsafe = { code: 'DESTINATION_UNSAFE' };

  it.each(['/etc', '/etc/atrium', '/etc/atrium/tls'])('is refused over a link at %s', async (link) => {
    const elsewhere = join(lab.dir, 'elsewhere');
    await mkdir(elsewhere);
    await mkdir(dirname(lab.at(link)), { recursive: true });
    await symlink(elsewhere, lab.at(link));
    await expect(plan([file('new')])).rejects.toMatchObject({ ...unsafe, facts: { path: link } });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('is refused when the file itself is a link', async () => {
    await mkdir(lab.at('/etc/atrium/tls'), { recursive: true });
    await writeFile(lab.at('/target'), 'theirs');
    await symlink('/target', lab.at(PATH));
    await expect(plan([file('new')])).rejects.toMatchObject(unsafe);
    expect(await lab.text('/target')).toBe('theirs');
  });

  it('is refused when something else than a file is there', async () => {
    await mkdir(lab.at(PATH), { recursive: true });
    await expect(plan([file('new')])).rejects.toMatchObject(unsafe);
  });

  it('is refused over a file', async () => {
    await mkdir(lab.at('/etc'), { recursive: true });
    await writeFile(lab.at('/etc/atrium'), 'x');
    await expect(plan([file('new')])).rejects.toMatchObject(unsafe);
  });

  it.each([
    ['everybody', 0o757, 0],
    ['everybody, sticky', 0o1777, 0],
    ['a group', 0o775, 1234],
  ])('is refused where %s may write', async (_who, mode, gid) => {
    await mkdir(lab.at('/etc/atrium/tls'), { recursive: true });
    await chown(lab.at('/etc/atrium'), 0, gid);
    await chmod(lab.at('/etc/atrium'), mode);
    await expect(plan([file('new')])).rejects.toMatchObject({ ...unsafe, facts: { path: '/etc/atrium' } });
  });

  it('is refused through a folder of another user', async () => {
    await mkdir(lab.at('/etc/atrium'), { recursive: true });
    await chown(lab.at('/etc/atrium'), 1234, 1234);
    await expect(plan([file('new')])).rejects.toMatchObject(unsafe);
  });

  it('stays the folder that was looked at, though its name is given to a link meanwhile', async () => {
    await mkdir(lab.at('/etc/atrium/tls'), { recursive: true });
    await mkdir(lab.at('/elsewhere'));
    const data = await lab.plan([await lab.want(PATH, 'new')]);
    const site = lab.site('0123456789ab');
    await site.tree.find('/etc/atrium/tls');
    await rm(lab.at('/etc/atrium/tls'), { recursive: true });
    await symlink(lab.at('/elsewhere'), lab.at('/etc/atrium/tls'));
    await expect(stageStep.apply(data, site)).rejects.toThrow();
    expect(await readdir(lab.at('/elsewhere'))).toEqual([]);
  });
});

describe('a version of files', () => {
  const unsafe = { code: 'DESTINATION_UNSAFE' };

  it.each([
    ['a link of others', (at: string) => symlink('..2026_11_23_12_00_00.1', at)],
    ['a link that leads out', (at: string) => symlink('../..0123456789ab', at)],
    ['a folder', (at: string) => mkdir(at)],
    ['a file', (at: string) => writeFile(at, 'x')],
  ])('is refused where ..data is %s', async (_what, make) => {
    await mkdir(lab.at('/etc/atrium/tls'), { recursive: true });
    await make(lab.at('/etc/atrium/tls/..data'));
    await expect(plan([file('new')])).rejects.toMatchObject({ ...unsafe, facts: { path: '/etc/atrium/tls/..data' } });
  });

  it.each(['..data/b.conf', './..data/a.conf', '/..data/a.conf', '..0123456789ab/a.conf'])(
    'is not what a file’s link to %s leads to',
    async (target) => {
      await mkdir(lab.at('/etc/atrium/tls'), { recursive: true });
      await symlink(target, lab.at(PATH));
      await expect(plan([file('new')])).rejects.toMatchObject({ ...unsafe, facts: { path: PATH } });
    },
  );

  it.each([
    ['a link', async (at: string) => symlink('/etc', at)],
    ['a folder that everybody may write', async (at: string) => mkdir(at).then(() => chmod(at, 0o777))],
  ])('is refused when it is %s', async (_what, make) => {
    await mkdir(lab.at('/etc/atrium/tls'), { recursive: true });
    await symlink('..0123456789ab', lab.at('/etc/atrium/tls/..data'));
    await symlink('..data/a.conf', lab.at(PATH));
    await make(lab.at('/etc/atrium/tls/..0123456789ab'));
    await expect(plan([file('new')])).rejects.toMatchObject(unsafe);
  });

  it('is refused when a file in it is a link', async () => {
    await lab.install('aaaaaaaaaaaa', await lab.want(PATH, 'old'));
    await rm(lab.at('/etc/atrium/tls/..data/a.conf'));
    await symlink('/etc/passwd', lab.at('/etc/atrium/tls/..data/a.conf'));
    await expect(plan([file('new')])).rejects.toMatchObject(unsafe);
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
    const made = await plan([file('new')], { findOwner: owner });
    expect(made.files).toHaveLength(1);
  });

  it('is found by asking dpkg', async () => {
    expect(await findPackageOwner('/etc/apt')).toMatch(/\bapt\b/);
    expect(await findPackageOwner('/etc/atrium')).toBeUndefined();
    expect(await findPackageOwner('/etc/ap*')).toBeUndefined();
  });
});
