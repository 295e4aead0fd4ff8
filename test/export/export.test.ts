import { execFileSync, spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openBundle, proveContents, verifyBundle } from '../../src/bundle/index.ts';
import { exportCatalogue, initWorkspace } from '../../src/export/index.ts';
import { parseReleaseDocument, parseSiteFiles } from '../../src/manifest/index.ts';
import { listCatalogue, openWorkspace, revokeRelease } from '../../src/workspace/index.ts';
import { newOffice, type TestOffice } from '../support/exports.ts';
import { daysLater, NOW } from '../support/proposals.ts';
import { ACCOUNT, generatedLayer, pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { temporaryFolder } from '../support/workspaces.ts';

let registry: TestRegistry;
const base = generatedLayer('base', 200_000);

async function push(repository: string, tag: string, seed = `${repository}:${tag}`) {
  return pushImage(registry, { repository, tag, layers: [base, generatedLayer(seed, 50_000)] });
}

async function office(): Promise<TestOffice> {
  return newOffice(registry.host);
}

/** The whole tar, proven as a site proves it. */
async function verify(path: string) {
  const bundle = await openBundle(path);
  try {
    const release = parseReleaseDocument(bundle.releaseBytes as Uint8Array);
    const contents = await proveContents(bundle, release);
    await verifyBundle(bundle, contents);
    return { release, contents, names: bundle.entries.map(({ name }) => name), sites: bundle.siteDocuments };
  } finally {
    await bundle.close();
  }
}

beforeAll(async () => {
  registry = await startRegistry();
  await push('demo/app', '1');
  await push('demo/worker', '1');
});
afterAll(() => registry.stop());

describe('exportRelease', () => {
  it('writes one tar that verifies, its chunk list, and nothing else', async () => {
    const desk = await office();
    await desk.write(['demo/app:1', 'demo/worker:1']);
    const done = await desk.export();
    expect(done).toMatchObject({ release: '1', sequence: 1, action: 'written', overlays: [], warnings: [] });
    expect(done.importableUntil).toEqual(daysLater(400));
    expect(done.bundle).toBe(join(desk.out, 'demo-1-1-1.ferry.tar'));
    expect(done.bytes).toBe((await stat(done.bundle)).size);
    expect(done.images.map(({ name, platforms }) => [name, platforms])).toEqual([
      ['registry.example/demo/app:1', ['linux/amd64']],
      ['registry.example/demo/worker:1', ['linux/amd64']],
    ]);
    const { release, names } = await verify(done.bundle);
    expect(release.images.map(({ digest }) => digest)).toEqual(done.images.map(({ digest }) => digest));
    expect(names.filter((name) => name.startsWith('blobs/'))).toHaveLength(7); // the base layer once
    expect((await readdir(desk.out)).toSorted()).toEqual(['demo-1-1-1.ferry.chunks.json', 'demo-1-1-1.ferry.tar']);
    const list = JSON.parse(await readFile(join(desk.out, 'demo-1-1-1.ferry.chunks.json'), 'utf8'));
    expect(execFileSync('sha256sum', [done.bundle]).toString()).toContain(list.sha256);
    expect(await readdir(desk.workspace.paths.exports)).toEqual([]);
  });

  it('gives identical files in copied workspaces at the same instant', async () => {
    const desk = await office();
    await desk.write(['demo/app:1', 'demo/worker:1']);
    const copy = `${desk.workspace.dir}-copy`;
    await cp(desk.workspace.dir, copy, { recursive: true });
    const one = await desk.export();
    const two = await desk.export({ workspace: copy, outDir: join(desk.out, 'two') });
    expect(await readFile(two.bundle)).toEqual(await readFile(one.bundle));
  });

  it('finds the same bundle there and downloads no blob', async () => {
    const desk = await office();
    await desk.write(['demo/app:1']);
    const one = await desk.export();
    await rm(join(desk.out, 'demo-1-1-1.ferry.chunks.json'));
    const two = await desk.export({ now: daysLater(3) });
    expect(two).toMatchObject({ bundle: one.bundle, action: 'unchanged', sequence: 1 });
    expect(two.downloaded).toBeLessThan(10_000);
    expect(await readdir(desk.out)).toContain('demo-1-1-1.ferry.chunks.json');
  });

  it.each(['', '{', 'null'])('writes the chunk list again where one says %j', async (text) => {
    const desk = await office();
    await desk.write(['demo/app:1']);
    await desk.export();
    const path = join(desk.out, 'demo-1-1-1.ferry.chunks.json');
    const good = await readFile(path, 'utf8');
    await writeFile(path, text);
    expect((await desk.export()).action).toBe('unchanged');
    expect(await readFile(path, 'utf8')).toBe(good);
  });

  it.each(['a byte is changed', 'it is cut off', 'it is something else'])(
    'never overwrites a file of its name when %s',
    async (how) => {
      const desk = await office();
      await desk.write(['demo/app:1']);
      const { bundle, bytes } = await desk.export();
      const good = await readFile(bundle);
      const bad = how === 'it is cut off' ? good.subarray(0, bytes - 5000) : Buffer.from(good);
      if (how === 'a byte is changed') bad[bytes - 20_000] = (bad[bytes - 20_000] as number) ^ 1;
      if (how === 'it is something else') bad.fill(1);
      await writeFile(bundle, bad);
      await expect(desk.export()).rejects.toMatchObject({ code: 'EXPORT_DAMAGED' });
      expect(await readFile(bundle)).toEqual(bad);
    },
  );

  it('gives changed content the next sequence and shows it', async () => {
    const desk = await office();
    await push('demo/moving', '1', 'before');
    await desk.write(['demo/moving:1']);
    await desk.export();
    await push('demo/moving', '1', 'after');
    expect(await desk.export()).toMatchObject({ release: '1+2', sequence: 2, action: 'written' });
    expect((await readdir(desk.out)).filter((name) => name.endsWith('.tar')).toSorted()).toEqual([
      'demo-1-1-1.ferry.tar',
      'demo-1-2-2.ferry.tar',
    ]);
    expect((await listCatalogue(desk.workspace)).map(({ state }) => state)).toEqual(['listed', 'listed']);
  });

  it('takes the former off the list with revokeFormer', async () => {
    const desk = await office();
    await desk.write(['demo/app:1']);
    await desk.export();
    await desk.write(['demo/worker:1']);
    await desk.export({ revokeFormer: true });
    expect((await listCatalogue(desk.workspace)).map(({ state }) => state)).toEqual(['superseded', 'listed']);
  });

  it('keeps a dated release under its first date while the content stays', async () => {
    const desk = await office();
    await desk.write(['demo/app:1'], 'release: "nightly-{date}"\n');
    const one = await desk.export();
    const two = await desk.export({ now: daysLater(1) });
    expect([one.release, two.release, two.action]).toEqual(['nightly-20260601', 'nightly-20260601', 'unchanged']);
  });

  it('carries files and an unsealed licence, and says that it is unsealed', async () => {
    const desk = await office();
    const folder = join(desk.manifestPath, '..');
    await writeFile(join(folder, 'compose.yaml'), 'services: {}\n');
    await writeFile(join(folder, 'license.blob'), 'licence 1');
    await desk.write(
      ['demo/app:1'],
      'files: [{name: compose.yaml, from: ./compose.yaml, install: /etc/demo/compose.yaml}]\n' +
        'compose: {project: demo, file: compose.yaml}\n' +
        'license: {from: ./license.blob, install: /etc/demo/license.blob, graceDays: 30}\n',
    );
    const done = await desk.export();
    expect(done.warnings.join()).toContain('license.blob travels unsealed');
    const { names, release, sites } = await verify(done.bundle);
    expect(names).toEqual(
      expect.arrayContaining(['files/compose.yaml', 'sites/any/site-files.json', 'sites/any/license.blob']),
    );
    expect(release.license).toEqual({ install: '/etc/demo/license.blob', graceDays: 30 });
    expect(parseSiteFiles(sites[0]?.bytes as Uint8Array).files).toMatchObject([{ role: 'license', sealed: false }]);

    expect((await desk.export({ now: daysLater(1) })).action).toBe('unchanged');
    await writeFile(join(folder, 'license.blob'), 'licence 2');
    const renewed = await desk.export({ now: daysLater(1) });
    expect(renewed).toMatchObject({ sequence: 1, action: 'written' }); // the release is the same, the site files are not
    expect(renewed.bundle).toContain('demo-1-1-2.ferry.tar');
  });

  it('takes platforms from the command line', async () => {
    const desk = await office();
    await pushImage(registry, {
      repository: 'demo/multi',
      tag: '1',
      layers: [base],
      platforms: ['linux/amd64', 'linux/arm64'],
    });
    await desk.write(['demo/multi:1']);
    const done = await desk.export({ platforms: ['linux/arm64'] });
    expect((await verify(done.bundle)).release.platforms).toEqual(['linux/arm64']);
    await expect(desk.export({ platforms: ['linux/s390x'] })).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND' });
  });

  it('seals nothing it may not: keys under a passphrase sign an export', async () => {
    const desk = await office();
    const dir = join(await temporaryFolder(), 'ws');
    const passphrase = async () => 'correct horse';
    await initWorkspace(dir, { product: 'demo', now: NOW, passphrase, workFactor: 10 });
    await desk.write(['demo/app:1']);
    await expect(desk.export({ workspace: dir })).rejects.toMatchObject({ code: 'PASSPHRASE_NEEDED' });
    const done = await desk.export({ workspace: dir, passphrase });
    expect(done.sequence).toBe(1);
    expect((await desk.export({ workspace: dir })).action).toBe('unchanged'); // nothing to sign, nobody to ask
  });

  it.each([
    ['an image that is not there', ['demo/nothing:1'], '', 'IMAGE_NOT_FOUND'],
    [
      'a licence without its token',
      ['demo/app:1'],
      'license: {url: "https://a.example/l", tokenEnv: NO_TOKEN, install: /etc/demo/l}\n',
      'TOKEN_MISSING',
    ],
    ['a file that is not there', ['demo/app:1'], 'files: [{name: a, from: ./a}]\n', 'SOURCE_FILE'],
    ['a folder for a file', ['demo/app:1'], 'files: [{name: a, from: .}]\n', 'SOURCE_FILE'],
    ['a pin that is not held', [`demo/app:1@sha256:${'0'.repeat(64)}`], '', /IMAGE_NOT_FOUND|DIGEST_CHANGED/],
    ['an unknown key', ['demo/app:1'], 'fils: []\n', 'MANIFEST_VALUE'],
  ])('refuses %s and writes nothing', async (_what, images, more, code) => {
    const desk = await office();
    await desk.write(images, more);
    await expect(desk.export()).rejects.toMatchObject({
      code: code instanceof RegExp ? expect.stringMatching(code) : code,
    });
    expect(await readdir(desk.out)).toEqual([]);
    expect(await listCatalogue(desk.workspace)).toEqual([]);
  });

  it('refuses another product, and a second export of the manifest at once', async () => {
    const desk = await office();
    await desk.write(['demo/app:1']);
    const both = await Promise.allSettled([desk.export(), desk.export()]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'LOCKED' } });
    const text = await readFile(desk.manifestPath, 'utf8');
    await writeFile(desk.manifestPath, text.replace('product: demo', 'product: other'));
    await expect(desk.export()).rejects.toMatchObject({ code: 'PRODUCT_DIFFERS' });
  });

  it('does not export what was revoked', async () => {
    const desk = await office();
    await desk.write(['demo/app:1']);
    await desk.export();
    await revokeRelease(desk.workspace, '+1');
    await expect(desk.export()).rejects.toMatchObject({ code: 'RELEASE_REVOKED' });
  });
});

describe('secrets', () => {
  it('are in no file of the bundle and none of the workspace', async () => {
    const closed = await startRegistry({ auth: true });
    onTestFinished(() => closed.stop());
    await pushImage(closed, { repository: 'demo/app', tag: '1' });
    const { username, password } = ACCOUNT;
    const login = Buffer.from(`${username}:${password}`).toString('base64');
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [closed.host]: { auth: login } } }));
    const desk = await newOffice(closed.host);
    await desk.write(['demo/app:1']);
    await expect(desk.export()).rejects.toMatchObject({ code: 'DENIED' });
    await desk.export({ env: { DOCKER_CONFIG: folder } });
    const found = (text: string) =>
      spawnSync('grep', ['-r', '-l', text, desk.out, desk.workspace.dir]).stdout.toString();
    expect([found(password), found(login)]).toEqual(['', '']);
    expect(found('registry.example')).not.toBe('');
  });
});

describe('exportCatalogue', () => {
  it('writes a small tar that carries a revocation, and the same one again', async () => {
    const desk = await office();
    await desk.write(['demo/app:1']);
    await desk.export();
    await revokeRelease(desk.workspace, '1');
    const one = await exportCatalogue(desk.workspace, { outDir: desk.out });
    expect(one).toMatchObject({ path: join(desk.out, 'demo-catalogue-2.ferry.tar'), catalogue: 2, action: 'written' });
    const bundle = await openBundle(one.path);
    expect(bundle.kind).toBe('catalogue');
    await bundle.close();
    expect((await stat(one.path)).size).toBeLessThan(20_000);
    expect((await exportCatalogue(desk.workspace, { outDir: desk.out })).action).toBe('unchanged');
  });
});

describe('initWorkspace', () => {
  it('goes on from a bundle of a lost workspace', async () => {
    const desk = await office();
    await desk.write(['demo/app:1']);
    const { bundle } = await desk.export();
    const rootKeysDir = await temporaryFolder();
    await cp(join(desk.workspace.paths.keys, 'root-1.pem'), join(rootKeysDir, 'root-1.pem'));
    const dir = join(await temporaryFolder(), 'ws');
    const made = await initWorkspace(dir, { product: 'demo', now: NOW, rootKeysDir, restoreFrom: bundle });
    expect(made.rootChange).toMatchObject({ status: 'published', version: 2 });
    const outDir = join(desk.out, 'later');
    await mkdir(outDir);
    const same = await desk.export({ workspace: dir, outDir });
    expect(same).toMatchObject({ sequence: 1, bundle: join(outDir, 'demo-1-1-1001.ferry.tar') });
    await desk.write(['demo/worker:1']);
    expect(await desk.export({ workspace: dir, outDir })).toMatchObject({ sequence: 1001, release: '1+1001' });
    await openWorkspace(dir, { now: NOW });
  });
});
