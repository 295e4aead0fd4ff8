/** Which files go where, and which may not. FORMAT §3 "Where it may write". */

import { describe, expect, it } from 'vitest';
import { installFiles, type OpenSiteFile, type OpenSiteFiles } from '../../src/install/files/destination.ts';
import type { ReleaseDocument } from '../../src/manifest/index.ts';
import { digestOf } from '../../src/oci/index.ts';

const digest = digestOf(Buffer.from('x'));
const file = (name: string, install?: string) => ({ name, digest, size: 1, mode: '0640', ...(install && { install }) });
const releaseWith = (...files: ReturnType<typeof file>[]) =>
  ({ files, license: { install: '/etc/atrium/license.blob' } }) as unknown as ReleaseDocument;
const siteWith = (site: string, ...files: Partial<OpenSiteFile>[]): OpenSiteFiles => ({
  site,
  files: files.map((one) => ({ ...file('l'), role: 'file', entry: `sites/${site}/${one.name ?? 'l'}`, ...one })),
});
const choose = (release: ReleaseDocument | undefined, ...sites: OpenSiteFiles[]) =>
  installFiles({ product: 'atrium', release, hasReleaseFiles: true, sites });

describe('installFiles', () => {
  it('takes the files that name a place, with their mode as bits', () => {
    expect(choose(releaseWith(file('a', '/etc/atrium/a'), file('not-installed')))).toEqual([
      { name: 'a', entry: 'files/a', path: '/etc/atrium/a', mode: 0o640, digest, size: 1 },
    ]);
  });

  it.each(['/etc/atrium/x', '/opt/atrium/deep/er/x', '/var/lib/atrium/x'])('may write %s', (path) => {
    expect(choose(releaseWith(file('a', path)))[0]?.path).toBe(path);
  });

  it.each([
    '/etc/passwd',
    '/etc/atrium',
    '/etc/atrium/../passwd',
    '/etc/atrium/./x',
    '/etc/atrium//x',
    '/etc/atrium/x/',
    '/etc/atrium2/x',
    '/etc/other/x',
    'etc/atrium/x',
    '/etc/atrium/x\\y',
    '/usr/bin/ferry',
    '/',
  ])('may not write %s', (path) => {
    expect(() => choose(releaseWith(file('a', path)))).toThrow(
      expect.objectContaining({ code: 'DESTINATION_FORBIDDEN' }),
    );
  });

  it.each([
    ['/var/lib/atrium/x', { stateDir: '/var/lib/atrium', prefix: '/' }],
    ['/var/lib/atrium/state/site.yaml', { stateDir: '/var/lib/atrium/state', prefix: '/' }],
    ['/opt/atrium/site.yaml', { stateDir: '/root/all/opt/atrium', prefix: '/root/all/' }],
  ])('may not write %s where the state of this site is', (path, own) => {
    const release = releaseWith(file('a', path));
    const wanted = { product: 'atrium', release, hasReleaseFiles: true, sites: [] };
    expect(() => installFiles({ ...wanted, own })).toThrow(expect.objectContaining({ code: 'DESTINATION_FORBIDDEN' }));
    expect(installFiles({ ...wanted, own: { ...own, stateDir: `${own.stateDir}-2` } })).toHaveLength(1);
  });

  it('refuses two files for one place', () => {
    const release = releaseWith(file('a', '/etc/atrium/x'), file('b', '/etc/atrium/x'));
    expect(() => choose(release)).toThrow(expect.objectContaining({ code: 'DESTINATION_FORBIDDEN' }));
  });

  it('puts a licence where the release says when it does not say itself', () => {
    const [license] = choose(releaseWith(), siteWith('any', { name: 'license.blob', role: 'license' }));
    expect(license).toMatchObject({ entry: 'sites/any/license.blob', path: '/etc/atrium/license.blob' });
  });

  it('prefers the site’s own file over the one for any site', () => {
    const own = siteWith('0123456789abcdef', { name: 'l', install: '/etc/atrium/l' });
    const any = siteWith('any', { name: 'l', install: '/etc/atrium/l' });
    expect(choose(undefined, any, own).map(({ entry }) => entry)).toEqual(['sites/0123456789abcdef/l']);
  });

  it('prefers it at its place too, whatever the two are called', () => {
    const own = siteWith('0123456789abcdef', { name: 'own', install: '/etc/atrium/l' });
    const any = siteWith('any', { name: 'l', install: '/etc/atrium/l' }, { name: 'm', install: '/etc/atrium/m' });
    expect(choose(undefined, any, own).map(({ entry }) => entry)).toEqual([
      'sites/any/m',
      'sites/0123456789abcdef/own',
    ]);
  });

  it('refuses two files of one site for one place', () => {
    const own = siteWith('any', { name: 'l', install: '/etc/atrium/l' }, { name: 'm', install: '/etc/atrium/l' });
    expect(() => choose(undefined, own)).toThrow(expect.objectContaining({ code: 'DESTINATION_FORBIDDEN' }));
  });

  it('names the entry of a sealed file, which is called otherwise', () => {
    const sealed = siteWith('any', { name: 'l', entry: 'sites/any/l.age', install: '/etc/atrium/l' });
    expect(choose(undefined, sealed)).toMatchObject([{ name: 'l', entry: 'sites/any/l.age', role: 'file' }]);
  });

  it('leaves the release’s own files out of an overlay', () => {
    const release = releaseWith(file('a', '/etc/atrium/a'));
    expect(installFiles({ product: 'atrium', release, hasReleaseFiles: false, sites: [] })).toEqual([]);
  });
});
