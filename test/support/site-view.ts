/**
 * What a site is, seen from outside: asks the engine and reads the folders, knows no line of ferry's own code. A view is
 * a list of facts; two sites are the same when all facts are. Names and instants that each run has of its own are left
 * out of a fact, never a fact itself: whatever lies where nothing should is one.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { callEngine } from './engine-call.ts';

/** Fact → its value: `tag ghcr.io/atrium/server:1` → the image, `file /etc/atrium/a.conf` → mode, owner, content. */
export type SiteView = ReadonlyMap<string, string>;

export interface SiteParts {
  /** The engine's socket. */
  readonly socket: string;
  readonly stateDir: string;
  readonly prefix: string;
  /** Only names that nobody would want there count. */
  readonly medium: string;
}

interface EngineImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
}

interface EngineContainer {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly ImageID: string;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Looks at everything. */
export async function viewSite(site: SiteParts): Promise<SiteView> {
  const facts = new Map<string, string>();
  await viewEngine(site, facts);
  for (const entry of await walk(site.prefix)) facts.set(`file ${entry.path}`, entry.form);
  await viewState(site.stateDir, facts);
  for (const entry of await walk(site.medium)) {
    if (/\/\.|\.tmp$|~$/.test(entry.path)) facts.set(`left on the medium ${entry.path}`, entry.form);
  }
  return facts;
}

/** The catalogue, the clock and the root: what a site has learned of its office. Learned once, it stays, whatever comes of the rest. */
const LEARNED = 'learned';

async function viewState(stateDir: string, facts: Map<string, string>): Promise<void> {
  const current = await readlink(join(stateDir, 'trust')).catch(() => '');
  const entries = await walk(stateDir);
  for (const entry of entries) {
    const path =
      current !== '' && `${entry.path}/`.startsWith(`/${current}/`) ? entry.path.replace(current, 'trust') : entry.path;
    const isLearned = path.startsWith('/trust/') && path !== '/trust/floors.json';
    const isEmpty =
      entry.form.startsWith('folder') && !entries.some(({ path: other }) => other.startsWith(`${entry.path}/`));
    if (isEmpty) continue; // made once, and kept
    if (entry.path === '/trust') facts.set('state /trust', 'link to a version');
    else if (isLearned) facts.set(`${LEARNED} ${path}`, entry.form);
    else facts.set(`state ${path}`, await stateForm(join(stateDir, entry.path), entry));
  }
}

/** The facts in which two views differ, each as a line. */
export function differences(view: SiteView, expected: SiteView): string[] {
  const keys = [...new Set([...view.keys(), ...expected.keys()])].toSorted();
  return keys
    .filter((key) => view.get(key) !== expected.get(key))
    .map((key) => `${key}: expected ${expected.get(key) ?? 'nothing'}, got ${view.get(key) ?? 'nothing'}`);
}

export type Verdict = { readonly is: 'old' | 'new' } | { readonly is: 'wrong'; readonly why: readonly string[] };

/**
 * Exactly the one, exactly the other, or what differs from the nearer of the two. What was learned of the office may be
 * the new on a site that is otherwise the old: a catalogue is kept as soon as it is proven.
 */
export function judgeView(view: SiteView, { old, next }: { readonly old: SiteView; readonly next: SiteView }): Verdict {
  const fromNew = differences(view, next);
  const fromOld = differences(
    view,
    differences(only(view, LEARNED), only(next, LEARNED)).length === 0 ? learnedFrom(next, old) : old,
  );
  if (fromOld.length === 0) return { is: 'old' };
  if (fromNew.length === 0) return { is: 'new' };
  const [which, why] = fromOld.length <= fromNew.length ? ['old', fromOld] : ['new', fromNew];
  return { is: 'wrong', why: why.map((line) => `against ${which}: ${line}`) };
}

/** Which container it is that runs, and since when: the same only as long as nobody touched it. */
const IDENTITY = 'identity of';

const only = (view: SiteView, prefix: string): SiteView =>
  new Map([...view].filter(([key]) => key.startsWith(`${prefix} `)));

const learnedFrom = (next: SiteView, old: SiteView): SiteView =>
  new Map([...[...old].filter(([key]) => !key.startsWith(`${LEARNED} `)), ...only(next, LEARNED)]);

/** A view without what tells one container from another just like it. */
export function withoutIdentity(view: SiteView): SiteView {
  return new Map([...view].filter(([key]) => !key.startsWith(`${IDENTITY} `)));
}

/** The containers that are not there as they were before, each as a line. @param mayTouch names of those that need not be */
export function touched(view: SiteView, before: SiteView, mayTouch = /^$/): string[] {
  const held = (facts: SiteView) =>
    new Map([...only(facts, IDENTITY)].filter(([key]) => !mayTouch.test(key.slice(IDENTITY.length + 1))));
  return differences(held(view), held(before));
}

async function viewEngine({ socket }: SiteParts, facts: Map<string, string>): Promise<void> {
  for (const { Id, RepoTags } of await callEngine<EngineImage[]>(socket, '/images/json')) {
    facts.set(`image ${Id}`, 'present');
    for (const tag of RepoTags ?? []) if (tag !== '<none>:<none>') facts.set(`tag ${tag}`, Id);
  }
  for (const container of await callEngine<EngineContainer[]>(socket, '/containers/json?all=1')) {
    if (container.State === 'created') {
      const key = `never started container of ${container.ImageID} ${JSON.stringify(sorted(container.Labels))}`;
      facts.set(key, `${Number(facts.get(key) ?? 0) + 1}`);
    } else {
      const name = container.Names.join();
      facts.set(`container ${name}`, `${container.State} ${container.ImageID}`);
      facts.set(`${IDENTITY} ${name}`, `${container.Id} ${await startOf(socket, container.Id)}`);
    }
  }
}

async function startOf(socket: string, id: string): Promise<string> {
  const { State } = await callEngine<{ State: { StartedAt: string } }>(socket, `/containers/${id}/json`);
  return State.StartedAt;
}

interface WalkedEntry {
  /** From the folder on, `/etc/atrium/a.conf`; version folders of `..data` under one name. */
  readonly path: string;
  /** Kind, permission bits, owner, and what it holds. */
  readonly form: string;
}

/** All that lies below a folder, in order. */
async function walk(root: string, below = '', shown = below): Promise<WalkedEntry[]> {
  const names = (await readdir(join(root, below)).catch(ignoreMissing)).toSorted();
  const entries: WalkedEntry[] = [];
  const versions = names.filter((name) => /^\.\.(?!data$)/.test(name));
  for (const name of names) {
    const path = `${below}/${name}`;
    const stats = await lstat(join(root, path));
    const at = versions.indexOf(name);
    const shownPath = `${shown}/${at < 0 ? name : `..version${at === 0 ? '' : at + 1}`}`;
    const form = `${(stats.mode & 0o7777).toString(8)} ${stats.uid}:${stats.gid}`;
    if (stats.isDirectory()) {
      entries.push({ path: shownPath, form: `folder ${form}` }, ...(await walk(root, path, shownPath)));
    } else if (stats.isSymbolicLink()) {
      const target = await readlink(join(root, path));
      entries.push({ path: shownPath, form: `link to ${name === '..data' ? versionOf(target, versions) : target}` });
    } else {
      entries.push({ path: shownPath, form: `file ${form} ${sha256(await readFile(join(root, path)))}` });
    }
  }
  return entries;
}

const versionOf = (target: string, versions: readonly string[]): string =>
  versions.includes(target) ? 'a version' : target;

/** What counts of a file in the state: not when things happened, and of what is only ever added to, that it is whole. */
async function stateForm(path: string, { path: name, form }: WalkedEntry): Promise<string> {
  if (!form.startsWith('file')) return form;
  const head = form.split(' ').slice(0, 3).join(' ');
  if (name === '/audit.jsonl') return `${head} ${await chainForm(path)}`;
  if (name.endsWith('receipt.json')) {
    const { signed } = JSON.parse(await readFile(path, 'utf8')) as { signed: Record<string, unknown> };
    const { started: _started, finished: _finished, recovered: _recovered, audit: _audit, ...rest } = signed;
    return `${head} ${JSON.stringify(sorted(rest))}`;
  }
  if (name.endsWith('/activation.json')) {
    const { at: _at, ...rest } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    return `${head} ${JSON.stringify(sorted(rest))}`;
  }
  return form;
}

/** What the log of a site tells, in order: `import`, `recovery` … A line that was cut off counts as none. */
export async function auditEvents(stateDir: string): Promise<string[]> {
  const text = await readFile(join(stateDir, 'audit.jsonl'), 'utf8');
  return text.split('\n').flatMap((line) => {
    const [, event] = /"event":"([a-z]+)"/.exec(line) ?? [];
    return event !== undefined && line.endsWith('}') ? [event] : [];
  });
}

/** Whether each line holds the digest of the one before it. One that a kill cut off counts as it stands. */
async function chainForm(path: string): Promise<string> {
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  let head = '0'.repeat(64);
  for (const line of lines) {
    const [, previous] = /"previous":"([0-9a-f]{64})"}$/.exec(line) ?? [];
    if (previous !== undefined && previous !== head) return `broken at ${line.slice(0, 80)}`;
    head = sha256(Buffer.from(line));
  }
  return 'whole';
}

function sorted(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function ignoreMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
