/** What an import does about ferry itself: whose executable, over what, and where it is left alone. FORMAT §3. */

import { chmod, chown, mkdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ferryFor, machineOf } from '../../../src/install/executable/choose.ts';
import { oldVersions } from '../../../src/install/executable/former-versions.ts';
import type { FerryPlan } from '../../../src/install/executable/plan.ts';
import { bootUnit } from '../../../src/install/index.ts';
import { ferryKind } from '../../../src/install/steps/ferry.ts';
import { digestOf } from '../../../src/oci/index.ts';
import { PlaceLab, program } from './place-lab.ts';

let lab: PlaceLab;
beforeEach(async () => {
  lab = await PlaceLab.create();
});
afterEach(() => lab.remove());

const actionOf = ({ outcome }: FerryPlan) => outcome?.action;
const UNIT = '/etc/systemd/system/ferry-recover.service';

/** The last step, and what it asked of systemd. */
function askedStep() {
  const asked: string[] = [];
  const step = ferryKind(async (words) => {
    asked.push(words.join(' '));
    return { status: 0, stdout: '', output: '' };
  });
  return { step, asked };
}

describe('which executable', () => {
  const files = ['linux/amd64', 'linux/arm64', 'windows/amd64', 'no platform'].map((platform) => ({
    ...{ name: platform.replace('/', '-'), digest: digestOf(Buffer.from(platform)), size: 1, mode: '0755' },
    ferry: { version: '0.2.0', platform },
  }));

  it.each([
    ['x64', 'linux-amd64'],
    ['arm64', 'linux-arm64'],
    ['arm', undefined],
    ['riscv64', undefined],
  ])('on %s: %s', (arch, name) => {
    expect(ferryFor(files, machineOf(arch))?.name).toBe(name);
  });

  it('is none where the release carries others, which is said', async () => {
    const { outcome, change, warnings } = await lab.plan('0.2.0', undefined, { machine: machineOf('arm64') });
    expect([outcome, change]).toEqual([undefined, undefined]);
    expect(warnings).toEqual([
      'the release carries ferry for linux/amd64 and none for linux/arm64: ferry stays as it is',
    ]);
  });

  it('is none where the release carries none, of which nothing is said', async () => {
    expect(await lab.plan('0.2.0', undefined, { files: [] })).toEqual({ needs: [], warnings: [] });
  });
});

describe('what is used', () => {
  it('is a link that leads there from inside of the prefix and from outside', async () => {
    await lab.install('0.2.0');
    expect(await readlink(lab.host.at('/usr/bin/ferry'))).toBe('../local/lib/ferry/0.2.0/ferry');
    expect(await lab.used()).toBe(program('0.2.0'));
    const disk = await lab.host.disk();
    expect(disk.find((line) => line.startsWith('usr/local/lib/ferry/0.2.0/ferry '))).toMatch(/ 100755 0:0 /);
    expect(disk.find((line) => line.startsWith('usr/local/lib/ferry/0.2.0 '))).toMatch(/ 40755 0:0$/);
    expect(actionOf(await lab.plan('0.2.0'))).toBe('same');
  });

  it('is never an older one', async () => {
    await lab.install('0.10.0');
    const { outcome, change, warnings } = await lab.plan('0.9.0');
    expect([outcome?.action, change]).toEqual(['kept-newer', undefined]);
    expect(warnings.join()).toMatch(/\/usr\/bin\/ferry is ferry 0\.10\.0, newer than 0\.9\.0 of this release: kept$/);
    expect(actionOf(await lab.plan('0.10.0-rc.1'))).toBe('kept-newer');
    expect(actionOf(await lab.plan('0.10.1'))).toBe('installed');
  });

  it('is an older one where the newer one is gone', async () => {
    await lab.install('0.3.0');
    await rm(lab.host.at('/usr/local/lib/ferry/0.3.0'), { recursive: true });
    await lab.install('0.2.0');
    expect(await lab.used()).toBe(program('0.2.0'));
  });

  it('is left alone where nobody wants another', async () => {
    const { outcome, change, warnings } = await lab.plan('0.2.0', undefined, { isWanted: false });
    expect([outcome?.action, change, warnings]).toEqual(['skipped', undefined, []]);
  });

  it('is known by a link with a whole path too', async () => {
    await lab.install('0.3.0');
    await rm(lab.host.at('/usr/bin/ferry'));
    await symlink('/usr/local/lib/ferry/0.3.0/ferry', lab.host.at('/usr/bin/ferry'));
    expect(actionOf(await lab.plan('0.2.0'))).toBe('kept-newer');
  });

  it.each([
    '../local/bin/ferry',
    '/opt/ferry/ferry',
    '../local/lib/ferry/../../../ferry',
    '../local/lib/ferry/v1/ferry',
  ])('is not touched where it is a link to %s', async (target) => {
    await mkdir(lab.host.at('/usr/bin'), { recursive: true });
    await symlink(target, lab.host.at('/usr/bin/ferry'));
    const { outcome, change, warnings } = await lab.plan('0.2.0');
    expect([outcome?.action, change]).toEqual(['skipped', undefined]);
    expect(warnings.join()).toMatch(/no ferry that an import linked: left alone$/);
  });
});

describe('a plain file at /usr/bin/ferry', () => {
  const elsewhere = () => lab.host.at('/running');

  beforeEach(() => lab.host.put('/usr/bin/ferry', program('0.1.0')));

  it('gives way when it is the one that runs, or the very one that comes', async () => {
    await writeFile(elsewhere(), program('0.1.0'));
    const running = { path: elsewhere(), version: '0.1.0' };
    expect(actionOf(await lab.plan('0.2.0', undefined, { running }))).toBe('installed');
    expect(actionOf(await lab.plan('0.1.0', program('0.1.0')))).toBe('installed');
  });

  it('stays when the one that runs is newer', async () => {
    await writeFile(elsewhere(), program('0.1.0'));
    const running = { path: elsewhere(), version: '0.3.0' };
    expect(actionOf(await lab.plan('0.2.0', undefined, { running }))).toBe('kept-newer');
  });

  it('stays when it is anything else', async () => {
    await writeFile(elsewhere(), program('0.1.0', '# other'));
    for (const running of [undefined, { path: elsewhere(), version: '0.1.0' }, { path: '/gone', version: '0.1.0' }]) {
      const { outcome, warnings } = await lab.plan('0.2.0', undefined, { running });
      expect(outcome?.action).toBe('skipped');
      expect(warnings.join()).toMatch(/neither the ferry of this release nor the one that runs: left alone$/);
    }
  });
});

describe('its place', () => {
  it('is written anew where others may change what stands there, or it is no program', async () => {
    await lab.install('0.2.0');
    const path = lab.host.at('/usr/local/lib/ferry/0.2.0/ferry');
    await chmod(path, 0o775);
    expect((await lab.change('0.2.0')).executable).toBe('other');
    await chmod(path, 0o755);
    await chown(path, 12_345, 0);
    await lab.install('0.2.0');
    expect((await lab.plan('0.2.0')).outcome?.action).toBe('same');
  });

  it('is refused where others may write the way there, with the way out', async () => {
    await mkdir(lab.host.at('/usr/local/lib'), { recursive: true });
    await chmod(lab.host.at('/usr/local'), 0o777);
    await expect(lab.plan('0.2.0')).rejects.toMatchObject({
      code: 'DESTINATION_UNSAFE',
      hint: expect.stringContaining('--no-ferry'),
    });
  });

  it('counts the room that it takes, once', async () => {
    const { needs } = await lab.plan('0.2.0');
    expect(needs).toEqual([
      { path: lab.host.at('/usr/local/lib/ferry/0.2.0'), bytes: program('0.2.0').length, what: 'ferry' },
    ]);
    await lab.install('0.2.0');
    await rm(lab.host.at('/usr/bin/ferry'));
    expect(await lab.plan('0.2.0')).toMatchObject({ needs: [], change: { executable: 'same', isLinkNew: true } });
  });
});

describe('what somebody else puts there meanwhile', () => {
  it('stops it while nothing is linked', async () => {
    const change = await lab.change('0.2.0');
    await lab.host.put('/usr/bin/ferry', 'theirs');
    await expect(lab.place(change)).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    await lab.undo(change);
    expect(await lab.used()).toBe('theirs');
    expect((await lab.host.disk()).map((line) => line.split(' ')[0])).toEqual(['usr', 'usr/bin', 'usr/bin/ferry']);
  });

  it('is theirs once the release is in, and no reason to take that back', async () => {
    const change = await lab.change('0.2.0');
    await lab.place(change);
    await lab.host.put('/usr/bin/ferry', 'theirs');
    await lab.link(change);
    expect(lab.host.warnings.join()).toMatch(/\/usr\/bin\/ferry is not what it was when this began/);
    await lab.settle(change);
    expect(await lab.used()).toBe('theirs');
  });

  it('is never linked in the place of what was proven', async () => {
    const change = await lab.change('0.2.0');
    await lab.place(change);
    await lab.host.replace('/usr/local/lib/ferry/0.2.0/ferry', 'theirs');
    await lab.link(change);
    expect(await lab.used()).toBeUndefined();
  });
});

describe('former versions', () => {
  it.each([
    [['0.1.0', '0.2.0', '0.3.0', '0.4.0'], '0.4.0', ['0.4.0', '0.3.0'], ['0.1.0', '0.2.0']],
    [['0.1.0', '0.9.0', '0.10.0'], '0.10.0', ['0.10.0'], ['0.1.0']],
    [['0.1.0', '0.2.0', '0.3.0'], '0.3.0', ['0.3.0', '0.1.0'], ['0.2.0']],
    [['0.3.0', '0.2.0', '0.1.0'], '0.2.0', ['0.2.0'], []],
    [['notes', '0.0.9', '0.1.0', '0.2.0'], '0.2.0', ['0.2.0'], ['0.0.9']],
  ])('of %s with %s linked and %s kept, %s go', (names, linked, kept, gone) => {
    expect(oldVersions(names, { linked, kept }).toSorted()).toEqual(gone.toSorted());
  });

  it('go when the import is done, but for the one before, and what somebody keeps there', async () => {
    for (const version of ['0.1.0', '0.2.0', '0.3.0']) await lab.install(version);
    await lab.host.put('/usr/local/lib/ferry/0.2.0/notes', 'mine');
    await lab.install('0.4.0');
    await lab.install('0.5.0');
    const names = (await lab.host.disk()).map((line) => line.split(' ')[0]);
    expect(names.filter((name) => name?.endsWith('/ferry') && name.includes('lib/ferry/'))).toEqual([
      'usr/local/lib/ferry/0.4.0/ferry',
      'usr/local/lib/ferry/0.5.0/ferry',
    ]);
    expect(names).toContain('usr/local/lib/ferry/0.2.0/notes');
    expect(lab.host.warnings).toEqual([]);
  });
});

describe('the boot unit', () => {
  const text = () => lab.host.text(UNIT).catch(() => undefined);

  it('is written where systemd runs the host, and names what is used now', async () => {
    await lab.install('0.1.0');
    expect(await text()).toBeUndefined();
    await mkdir(lab.host.at('/run/systemd/system'), { recursive: true });
    const dockerHost = 'unix:///run/other.sock';
    const unit = { state: '/var/lib/ferry', dockerHost };
    expect(actionOf(await lab.plan('0.1.0', undefined, { unit }))).toBe('same');
    await lab.install('0.1.0', undefined, { unit });
    const { prefix } = lab.host;
    expect(await text()).toBe(bootUnit({ ...unit, prefix, ferry: `${prefix}/usr/bin/ferry` }));
    expect((await lab.plan('0.1.0', undefined, { unit })).change).toBeUndefined();
  });

  it('takes the place of one that ferry wrote, and keeps what is to wait for it', async () => {
    await mkdir(lab.host.at('/run/systemd/system'), { recursive: true });
    const { prefix } = lab.host;
    await lab.host.put(UNIT, bootUnit({ state: '/elsewhere', prefix: '/', before: ['atrium.service', 'b.service'] }));
    const unit = { state: '/var/lib/ferry' };
    await lab.install('0.1.0', undefined, { unit });
    const before = ['atrium.service', 'b.service'];
    expect(await text()).toBe(bootUnit({ ...unit, prefix, ferry: `${prefix}/usr/bin/ferry`, before }));
  });

  it("is not written over an operator's own, which is said, nor where it is masked", async () => {
    await mkdir(lab.host.at('/run/systemd/system'), { recursive: true });
    await lab.host.put(UNIT, '[Unit]\nDescription=mine\n');
    const { change, warnings } = await lab.plan('0.1.0');
    expect(change?.unit).toBeNull();
    expect(warnings.join()).toMatch(/ferry-recover\.service was not made by ferry: left alone$/);
    await rm(lab.host.at(UNIT));
    await symlink('/dev/null', lab.host.at(UNIT));
    const masked = await lab.plan('0.1.0');
    expect([masked.change?.unit, masked.warnings]).toEqual([null, []]);
  });

  it('is enabled on the host itself when it is new, and disabled again by the way back', async () => {
    await mkdir(lab.host.at('/run/systemd/system'), { recursive: true });
    const change = await lab.change('0.1.0');
    await lab.place(change);
    const { step, asked } = askedStep();
    // the folders are those of the lab; only what is run on a host is looked at
    const site = lab.site({ prefix: '/' });
    await step.apply(change, site);
    expect(asked).toEqual(['systemctl daemon-reload', 'systemctl enable ferry-recover.service']);
    await step.undo(change, site);
    await step.undo(change, site);
    expect(asked.slice(2)).toEqual(['systemctl disable ferry-recover.service', 'systemctl daemon-reload']);
    expect(lab.host.warnings).toEqual([]);
  });

  it('is not enabled again where an operator has disabled it', async () => {
    await mkdir(lab.host.at('/run/systemd/system'), { recursive: true });
    await lab.host.put(UNIT, bootUnit({ state: '/elsewhere', prefix: '/' }));
    const change = await lab.change('0.1.0');
    await lab.place(change);
    const { step, asked } = askedStep();
    await step.apply(change, lab.site({ prefix: '/' }));
    await step.undo(change, lab.site({ prefix: '/' }));
    expect(asked).toEqual(['systemctl daemon-reload', 'systemctl daemon-reload']);
    expect(await text()).toBe(bootUnit({ state: '/elsewhere', prefix: '/' }));
  });

  it('stands though systemd is in trouble, which is said', async () => {
    await mkdir(lab.host.at('/run/systemd/system'), { recursive: true });
    const change = await lab.change('0.1.0');
    await lab.place(change);
    const run = async () => ({ status: 1, stdout: '', output: 'Failed to connect to bus\n' });
    await ferryKind(run).apply(change, lab.site({ prefix: '/' }));
    expect(await text()).toBe(change.unit?.join('\n'));
    expect(lab.host.warnings[0]).toBe('systemctl daemon-reload: status 1, "Failed to connect to bus"');
  });
});
