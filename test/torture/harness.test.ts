// What the torture leans on, held by itself: a proxy that counts and kills, a trace that is read right, a look at a site
// that misses nothing. A harness that cannot fail shows nothing.
import { chmod, lstat, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DiskModel } from '../../torture/disk-model.ts';
import { placeTable } from '../../torture/report.ts';
import { pick, randomFrom } from '../../torture/seed.ts';
import { countWrong, formatTable } from '../../torture/table.ts';
import { callEngine } from '../support/engine-call.ts';
import { type EngineProxy, startEngineProxy } from '../support/engine-proxy.ts';
import { readTrace } from '../support/killed-ferry.ts';
import { differences, judgeView, type SiteParts, type SiteView, touched, viewSite } from '../support/site-view.ts';

/** An engine that answers what it was asked, and remembers it. */
interface Echo {
  readonly server: Server;
  readonly heard: string[];
}

let dir: string;
let echo: Echo;
let proxy: EngineProxy;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-torture-'));
  const heard: string[] = [];
  const server = createServer(async (asked, answer) => {
    let body = '';
    for await (const part of asked) body += part;
    heard.push(`${asked.method} ${asked.url} ${body}`);
    answer.end(JSON.stringify(ANSWERS[(asked.url ?? '').replace(/\?.*/, '')] ?? { body }));
  });
  await new Promise<void>((resolve) => server.listen(join(dir, 'engine'), resolve));
  echo = { server, heard };
  proxy = await startEngineProxy(join(dir, 'engine'), join(dir, 'proxy'));
});

afterAll(async () => {
  await proxy.stop();
  await new Promise((resolve) => echo.server.close(resolve));
  await rm(dir, { recursive: true });
});

const ANSWERS: Readonly<Record<string, unknown>> = {
  '/images/json': [
    { Id: 'sha256:1', RepoTags: ['a:1'] },
    { Id: 'sha256:2', RepoTags: ['<none>:<none>'] },
  ],
  '/containers/json': [
    { Id: 'c1', Names: ['/pin'], ImageID: 'sha256:2', State: 'created', Labels: { 'ferry.pin': 'release s 1' } },
    { Id: 'c2', Names: ['/kiosk'], ImageID: 'sha256:1', State: 'running', Labels: {} },
  ],
  '/containers/c2/json': { State: { StartedAt: '2026-11-23T12:00:00Z' } },
};

describe('a disk that loses power', () => {
  it('keeps two names of one file, and of one link, names of the same', async () => {
    const root = await mkdtemp(join(tmpdir(), 'ferry-model-'));
    const model = new DiskModel([root]);
    const [file, link] = [join(root, 'file'), join(root, 'link')];
    await writeFile(file, 'a');
    await symlink('file', link);
    model.note({ kind: 'create', path: file, inode: 1, mode: 0o644 });
    model.note({ kind: 'write', path: file });
    model.note({ kind: 'symlink', path: link, to: 'file' });
    for (const path of [file, link]) model.note({ kind: 'link', path, to: `${path}.too` });
    model.cutPower('everything');
    for (const path of [file, link]) expect((await lstat(`${path}.too`)).ino).toBe((await lstat(path)).ino);
    await rm(root, { recursive: true });
  });
});

describe('startEngineProxy', () => {
  beforeEach(() => {
    echo.heard.length = 0;
  });

  const call = (tar: string) =>
    callEngine(proxy.socket, '/v1.41/images/load?quiet=0', { method: 'POST', tar: Buffer.from(tar) });

  it('passes calls on, and counts them without version and query', async () => {
    proxy.arm();
    expect(await call('one')).toEqual({ body: 'one' });
    await callEngine(proxy.socket, '/_ping');
    expect(proxy.calls).toEqual(['POST /images/load', 'GET /_ping']);
    expect(echo.heard[0]).toBe('POST /v1.41/images/load?quiet=0 one');
  });

  it.each([
    ['before', []],
    ['during', []],
    ['after', ['POST /v1.41/images/load?quiet=0 two']],
  ] as const)('springs its trap %s the call, and lets nothing through from then on', async (when, heard) => {
    let sprung = 0;
    proxy.arm({ at: 2, when, spring: () => (sprung += 1) });
    await callEngine(proxy.socket, '/_ping');
    await expect(call('two')).rejects.toThrow();
    await expect(callEngine(proxy.socket, '/_ping')).rejects.toThrow();
    expect(sprung).toBe(1);
    expect(echo.heard.slice(1)).toEqual(heard);
    proxy.arm();
    expect(await callEngine(proxy.socket, '/_ping')).toEqual({ body: '' });
  });
});

describe('readTrace', () => {
  it('counts by thread and name, joins what was cut in two, leaves out what failed and the fsync of a folder', () => {
    const lines = [
      '11 mkdir("/s/releases", 0700) = -1 EEXIST (File exists)',
      '11 mkdir("/s/kept", 0700) = 0',
      '12 rename("/a", "/b" <unfinished ...>',
      '11 fsync(7</s/kept/.new>) = 0',
      '12 <... rename resumed>) = 0',
      '11 fsync(7</s/kept>) = 0',
      '12 rename("/c", "/d") = 0',
      '11 rename("/x/node_modules/.cache/1", "/x/node_modules/.cache/2") = 0',
      '11 +++ exited with 0 +++',
    ];
    expect(readTrace(lines.join('\n')).map(({ name, at }) => `${name} ${at}`)).toEqual([
      'mkdir 2',
      'fsync 1',
      'rename 1',
      'rename 2',
    ]);
  });
});

describe('viewSite', () => {
  let site: SiteParts & { readonly root: string };
  let before: SiteView;

  beforeEach(async () => {
    const root = await mkdtemp(join(dir, 'site-'));
    site = {
      root,
      socket: join(dir, 'engine'),
      stateDir: join(root, 'state'),
      prefix: join(root, 'prefix'),
      medium: join(root, 'medium'),
    };
    for (const folder of ['state/releases/1', 'state/.trust-2', 'prefix/etc/..v1', 'medium']) {
      await mkdir(join(root, folder), { recursive: true });
    }
    await symlink('.trust-2', join(root, 'state/trust'));
    await symlink('..v1', join(root, 'prefix/etc/..data'));
    await writeFile(join(root, 'state/.trust-2/timestamp.json'), 'one');
    await writeFile(join(root, 'state/.trust-2/floors.json'), '{"release":1}');
    await writeFile(join(root, 'state/audit.jsonl'), '');
    await writeFile(join(root, 'prefix/etc/..v1/a.conf'), 'a');
    await writeFile(join(root, 'prefix/etc/plain.conf'), 'plain');
    before = await viewSite(site);
  });

  it('has a fact for each image, name, container, file and link', () => {
    expect([...before.keys()].filter((key) => !key.startsWith('state'))).toEqual([
      'image sha256:1',
      'tag a:1',
      'image sha256:2',
      'never started container of sha256:2 {"ferry.pin":"release s 1"}',
      'container /kiosk',
      'identity of /kiosk',
      'file /etc',
      'file /etc/..data',
      'file /etc/..version',
      'file /etc/..version/a.conf',
      'file /etc/plain.conf',
      'learned /trust/timestamp.json',
    ]);
  });

  it('sees the same where only names differ that each run has of its own', async () => {
    await rename(join(site.root, 'prefix/etc/..v1'), join(site.root, 'prefix/etc/..v7'));
    await rm(join(site.root, 'prefix/etc/..data'));
    await symlink('..v7', join(site.root, 'prefix/etc/..data'));
    await rename(join(site.root, 'state/.trust-2'), join(site.root, 'state/.trust-9'));
    await rm(join(site.root, 'state/trust'));
    await symlink('.trust-9', join(site.root, 'state/trust'));
    expect(differences(await viewSite(site), before)).toEqual([]);
  });

  it.each([
    ['content', (root: string) => writeFile(join(root, 'prefix/etc/..v1/a.conf'), 'b')],
    ['a mode', (root: string) => chmod(join(root, 'prefix/etc/plain.conf'), 0o600)],
    ['a second version folder', (root: string) => mkdir(join(root, 'prefix/etc/..v2'))],
    ['a link to a version that is not there', (root: string) => rm(join(root, 'prefix/etc/..v1'), { recursive: true })],
    ['a draft of a file', (root: string) => writeFile(join(root, 'prefix/etc/.ferry-1.new'), '')],
    ['a journal', (root: string) => writeFile(join(root, 'state/journal.json'), '{}')],
    ['a draft of the trust', (root: string) => symlink('.trust-3', join(root, 'state/trust.new'))],
    ['a floor', (root: string) => writeFile(join(root, 'state/.trust-2/floors.json'), '{"release":2}')],
    [
      'a broken log',
      (root: string) => writeFile(join(root, 'state/audit.jsonl'), `{"previous":"${'1'.repeat(64)}"}\n`),
    ],
    ['a draft on the medium', (root: string) => writeFile(join(root, 'medium/.receipt.json.tmp'), '')],
  ])('sees %s', async (_what, change) => {
    await change(site.root);
    const view = await viewSite(site);
    expect(differences(view, before)).not.toEqual([]);
    expect(judgeView(view, { old: before, next: new Map([...before, ['tag a:1', 'sha256:2']]) }).is).toBe('wrong');
  });
});

describe('judgeView', () => {
  const old = new Map([
    ['tag a:1', 'one'],
    ['learned /trust/timestamp.json', '1'],
  ]);
  const next = new Map([
    ['tag a:1', 'two'],
    ['learned /trust/timestamp.json', '2'],
  ]);

  it('tells the old, the new, and the old that has learned of the new catalogue', () => {
    expect(judgeView(old, { old, next })).toEqual({ is: 'old' });
    expect(judgeView(next, { old, next })).toEqual({ is: 'new' });
    expect(judgeView(new Map([...next, ['tag a:1', 'one']]), { old, next })).toEqual({ is: 'old' });
  });

  it('calls the new wrong when it has forgotten the catalogue, and names what differs', () => {
    expect(judgeView(new Map([...old, ['tag a:1', 'two']]), { old, next })).toEqual({
      is: 'wrong',
      why: ['against old: tag a:1: expected one, got two'],
    });
  });

  it('holds a container to its identity, unless it may be made anew', () => {
    const before = new Map([
      ['identity of /kiosk', 'c1'],
      ['identity of /atrium_server_1', 'c2'],
    ]);
    const after = new Map([
      ['identity of /kiosk', 'c1'],
      ['identity of /atrium_server_1', 'c3'],
    ]);
    expect(touched(after, before)).toEqual(['identity of /atrium_server_1: expected c2, got c3']);
    expect(touched(after, before, /^\/atrium/)).toEqual([]);
  });
});

describe('pick', () => {
  it('takes one from each stretch, the same for the same seed', () => {
    const list = Array.from({ length: 100 }, (_, at) => at);
    const picked = pick(list, 10, 7);
    expect(picked.map((at) => Math.floor(at / 10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(pick(list, 10, 7)).toEqual(picked);
    expect(pick(list, 10, 8)).not.toEqual(picked);
    expect(pick(list, undefined, 7)).toEqual(list);
  });

  it('draws evenly', () => {
    const random = randomFrom(1);
    const drawn = Array.from({ length: 10_000 }, random);
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(drawn.reduce((sum, value) => sum + value, 0) / drawn.length).toBeCloseTo(0.5, 1);
  });
});

describe('the table', () => {
  it('counts what was wrong, and stands between the marks of the page', () => {
    const rows = [{ what: 'update', points: 3, kills: 3, old: 1, new: 1, wrong: 1 }];
    expect(countWrong(rows)).toBe(1);
    const page = placeTable('# a\n<!-- torture: begin -->\nold\n<!-- torture: end -->\nb\n', formatTable(rows));
    expect(page).toContain('| update | 3 | 3 | 1 | 1 | **1** |  |\n<!-- torture: end -->\nb\n');
    expect(page).not.toContain('old\n<!--');
  });
});
