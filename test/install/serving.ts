/**
 * A site with a certificate in `/etc/atrium/tls` and somebody who serves it: new ones are planned and installed by whole
 * transactions, cut off at any step, and recovered. What is served is looked at by a client of its own.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Engine } from '../../src/docker/index.ts';
import { FolderTree } from '../../src/install/files/folder.ts';
import { planSwitch, type WantedFile } from '../../src/install/files/switch-plan.ts';
import { kindOf } from '../../src/install/steps/index.ts';
import { stageFiles } from '../../src/install/steps/stage.ts';
import type { Site, Step } from '../../src/install/steps/step.ts';
import { switchFiles } from '../../src/install/steps/switch.ts';
import { planServe, type ServeOptions, type ServePlan } from '../../src/install/tls/serve-plan.ts';
import { type Journal, journalEngine, writeJournal } from '../../src/install/transaction/journal.ts';
import { type RecoverResult, recoverPending } from '../../src/install/transaction/recover.ts';
import { siteFor } from '../../src/install/transaction/site.ts';
import { runTransaction } from '../../src/install/transaction/transaction.ts';
import { DEFAULT_POLICY } from '../../src/manifest/index.ts';
import { digestOf } from '../../src/oci/index.ts';
import { ensureSiteIdentity } from '../../src/site/index.ts';
import { openState, type SiteState } from '../../src/state/index.ts';
import { type Authority, makeRoot } from '../support/pki.ts';
import { plant } from '../support/secrets.ts';

export const TLS_DIR = '/etc/atrium/tls';
export const NAME = 'atrium.test';
/** Long enough for a busy machine; one that is never served is waited for `SOON_MS`. */
const TIMEOUT_MS = 10_000;
export const SOON_MS = 500;
const NOW = new Date('2026-11-23T12:00:00Z');

/** Of the authority that all of them come from. */
export async function rootPEM(): Promise<string> {
  root ??= makeRoot();
  return (await root).pem;
}

/** A certificate and its key, and what tells it from others. */
export interface Pair {
  readonly chainPEM: string;
  readonly keyPEM: string;
  readonly fingerprint: string;
}

let root: Promise<Authority> | undefined;

/** @param notAfter 90 days from now when left out */
export async function makePair(): Promise<Pair> {
  root ??= makeRoot();
  const { pem, keyPEM, certificate } = await (await root).issue({ names: [NAME] });
  const fingerprint = Buffer.from(await certificate.getThumbprint('SHA-256')).toString('hex');
  return { chainPEM: pem, keyPEM: plant(keyPEM), fingerprint };
}

/** A pair that no server takes: the key of another. */
export async function makeBrokenPair(): Promise<Pair> {
  return { ...(await makePair()), keyPEM: (await makePair()).keyPEM };
}

/** The fingerprint that is served there; `undefined` when nobody answers. */
export function servedAt(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', servername: NAME, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase());
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}

/** What became of one install. */
export interface Installed {
  readonly plan: ServePlan;
  readonly outcome: Site['outcome'];
  readonly warnings: readonly string[];
  /** What it ended with, unless all was well. */
  readonly error?: Error & { readonly code?: string; readonly hint?: string };
}

export type Serving = Partial<ServeOptions>;

export class ServingLab {
  readonly dir: string;
  readonly prefix: string;
  readonly state: SiteState;
  readonly #trees: FolderTree[] = [];
  /** The one that the files hold at first. */
  readonly old: Pair;
  #made = 0;

  private constructor(dir: string, state: SiteState, old: Pair) {
    this.dir = dir;
    this.prefix = join(dir, 'prefix');
    this.state = state;
    this.old = old;
  }

  /** With plain files, as they were before Ferry came. */
  static async create(): Promise<ServingLab> {
    const dir = await mkdtemp('/tmp/fserve-');
    const lab = new ServingLab(dir, await openState(join(dir, 'state')), await makePair());
    await mkdir(lab.tls, { recursive: true });
    await lab.put(lab.old);
    return lab;
  }

  async remove(): Promise<void> {
    for (const tree of this.#trees) await tree.close();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** The folder on this host. */
  get tls(): string {
    return join(this.prefix, TLS_DIR);
  }

  /** Writes the files in place, as somebody by hand. */
  async put({ chainPEM, keyPEM }: Pair): Promise<void> {
    await writeFile(join(this.tls, 'fullchain.pem'), chainPEM);
    await writeFile(join(this.tls, 'privkey.pem'), keyPEM, { mode: 0o600 });
  }

  chain(): Promise<string> {
    return readFile(join(this.tls, 'fullchain.pem'), 'utf8');
  }

  plan(next: Pair, options: Serving = {}): Promise<ServePlan> {
    return planServe({
      ...{ engine: undefined, policy: DEFAULT_POLICY, dir: TLS_DIR, prefix: this.prefix, probeTimeoutMs: TIMEOUT_MS },
      next: { fingerprint: next.fingerprint, name: NAME },
      before: { fingerprint: this.old.fingerprint },
      ...options,
    });
  }

  /** The whole of an install. */
  async install(next: Pair, options: Serving = {}, more: Partial<Site> = {}): Promise<Installed> {
    const plan = await this.plan(next, options);
    const journal = await this.#journal(next, plan, options.engine);
    const warnings: string[] = [];
    const site = await this.#site(journal.id, next, { engine: options.engine, warnings, ...more });
    const error = await runTransaction(journal, site).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    return { plan, outcome: site.outcome, warnings, ...(error && { error }) };
  }

  /** An install as it is left by a process that was killed in the step of that kind, whose doing was done or not. */
  async cutOff(
    next: Pair,
    options: Serving,
    at: { readonly in: Step['kind']; readonly isDone?: boolean; readonly direction?: 'forward' | 'back' },
  ): Promise<void> {
    const plan = await this.plan(next, options);
    const journal = await this.#journal(next, plan, options.engine);
    const site = await this.#site(journal.id, next, { engine: options.engine, warnings: [] });
    const index = journal.steps.findIndex(({ kind }) => kind === at.in);
    const done = journal.steps.slice(0, at.isDone ? index + 1 : index);
    for (const step of done) await kindOf(step).apply(step.data, site);
    await writeJournal(this.state, { ...journal, at: index, direction: at.direction ?? 'forward' });
  }

  recover(engine?: Engine): Promise<RecoverResult> {
    const noEngine = () => Promise.reject(new Error('expected no engine to be asked'));
    return recoverPending(this.state, { engine: async () => engine ?? noEngine(), now: NOW });
  }

  async #journal(next: Pair, plan: ServePlan, engine: Engine | undefined): Promise<Journal> {
    this.#made += 1;
    const id = this.#made.toString(16).padStart(12, '0');
    const tree = new FolderTree(this.prefix);
    this.#trees.push(tree);
    const change = await planSwitch(wantedFiles(next), tree);
    const steps = [stageFiles(change), plan.before, switchFiles(change), plan.after].filter(
      (step) => step !== undefined,
    );
    const about = { id, command: 'license', title: 'install a certificate', prefix: this.prefix } as const;
    const journal = { ...about, started: NOW.toISOString(), steps, at: 0, direction: 'forward' } as const;
    const whole = { ...journal, ...(plan.usesEngine && engine && { engine: journalEngine(engine.facts) }) };
    // as it comes back from the disk
    return JSON.parse(JSON.stringify(whole)) as Journal;
  }

  async #site(
    id: string,
    next: Pair,
    { warnings = [], ...more }: Partial<Site> & { warnings?: string[] },
  ): Promise<Site> {
    const tree = new FolderTree(this.prefix);
    this.#trees.push(tree);
    const identity = await ensureSiteIdentity(this.state);
    const opened = new Map(filesOf(next).map(({ name, bytes }) => [name, bytes]));
    const medium = { bundle: undefined, opened, plans: new Map(), spoolDir: '', onBytes: () => {} };
    const about = { id, state: this.state, identity, engine: undefined, prefix: this.prefix, tree, now: NOW, medium };
    const warn = (line: string) => warnings.push(line);
    return { ...(await siteFor({ ...about, began: 0, tell: async () => [], warn })), ...more };
  }
}

function filesOf({ chainPEM, keyPEM }: Pair) {
  return [
    { name: 'fullchain.pem', bytes: Buffer.from(chainPEM), mode: 0o644 },
    { name: 'privkey.pem', bytes: Buffer.from(keyPEM), mode: 0o600 },
  ];
}

function wantedFiles(pair: Pair): readonly WantedFile[] {
  return filesOf(pair).map(({ name, bytes, mode }) => {
    const about = { path: `${TLS_DIR}/${name}`, name, mode, source: { entry: name } };
    return { ...about, digest: digestOf(bytes), size: bytes.length };
  });
}
