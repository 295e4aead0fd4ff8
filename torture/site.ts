/**
 * A site to torture: an engine of its own behind a counting proxy, its folders, and releases on a medium, all real. What
 * it was like at some moment can be kept and put back, which is quicker than a new site and is checked by looking.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLab, emptyEngine, type Lab } from '../test/install/lab.ts';
import type { Ran } from '../test/support/cli.ts';
import { startEngine, type TestEngine } from '../test/support/engine.ts';
import { type EngineProxy, startEngineProxy } from '../test/support/engine-proxy.ts';
import { startFerryGroup } from '../test/support/killed-ferry.ts';
import { differences, type SiteView, viewSite, withoutIdentity } from '../test/support/site-view.ts';
import { captureEngine, type EngineState, restoreEngine } from './engine-state.ts';
import { tidyLater } from './tidy.ts';

const run = promisify(execFile);

/** A moment of a site that can be had again. */
export interface Moment {
  readonly name: string;
  readonly view: SiteView;
  readonly engine: EngineState;
  /** Makes it from nothing, where putting back was not enough. */
  readonly make: () => Promise<void>;
}

export interface TortureSite {
  readonly lab: Lab;
  readonly engine: TestEngine;
  readonly proxy: EngineProxy;
  /** What every command is given: folders, engine, no home. */
  readonly env: Readonly<Record<string, string>>;
  /** What lies on the medium before anybody wrote there. */
  readonly carried: readonly string[];
  path(...parts: string[]): string;
  /** Runs a command to its end. @throws with what it said when its status is not 0 */
  ferry(...args: string[]): Promise<Ran>;
  /** What the site is like now. */
  view(): Promise<SiteView>;
  /** Makes a moment by `make`, on an empty engine and in empty folders, and keeps it. */
  keep(name: string, make: () => Promise<void>): Promise<Moment>;
  /** Makes everything as it was at a moment. @throws when it can't */
  putBack(moment: Moment): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an engine and makes an office with releases on a medium; the site trusts it and has nothing yet. */
export async function startSite(carry: (lab: Lab) => Promise<unknown>): Promise<TortureSite> {
  const engine = await startEngine();
  const lab = await createLab(engine, { now: new Date() });
  const proxy = await startEngineProxy(engine.socket, join(lab.dir, 'engine'));
  const stop = tidyLater(async () => {
    await proxy.stop();
    await engine.stop();
    await lab.remove();
  });
  const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: proxy.host, HOME: lab.dir };
  const view = () => viewSite({ ...lab, socket: engine.socket });
  await carry(lab);
  const site: Site = {
    lab,
    engine,
    proxy,
    env,
    carried: await readdir(lab.medium),
    path: (...parts) => join(lab.dir, ...parts),
    ferry: async (...args) => {
      proxy.arm();
      const ran = await startFerryGroup(args, { env }).ended;
      if (ran.status !== 0)
        throw new Error(`ferry ${args.join(' ')}: status ${ran.status}: ${ran.stderr || ran.stdout}`);
      return ran;
    },
    view,
    stop,
  };
  await writeFile(site.path('root.json'), lab.publisher.root);
  await site.ferry('trust', site.path('root.json'), '--yes');
  await copyFolders(site, 'live', 'new');
  return {
    ...site,
    keep: (name, make) => keepMoment(site, name, make),
    putBack: (moment) => putBack(site, moment),
  };
}

type Site = Omit<TortureSite, 'keep' | 'putBack'>;

async function keepMoment(site: Site, name: string, make: () => Promise<void>): Promise<Moment> {
  await makeAnew(site, make);
  await copyFolders(site, 'live', name);
  return { name, view: withoutIdentity(await site.view()), engine: await captureEngine(site.engine.socket), make };
}

async function putBack(site: Site, moment: Moment): Promise<void> {
  await copyFolders(site, moment.name, 'live');
  const isRestored = await restoreEngine(site.engine.socket, moment.engine).catch(() => false);
  if (isRestored && (await isAt(site, moment))) return;
  await makeAnew(site, moment.make);
  if (!(await isAt(site, moment)))
    throw new Error(`make the site as ${moment.name} again: ${await unlike(site, moment)}`);
}

const isAt = async (site: Site, moment: Moment): Promise<boolean> => (await unlike(site, moment)).length === 0;

const unlike = async (site: Site, { view }: Moment): Promise<string[]> =>
  differences(withoutIdentity(await site.view()), view);

async function makeAnew(site: Site, make: () => Promise<void>): Promise<void> {
  await emptyEngine(site.engine);
  await copyFolders(site, 'new', 'live');
  await make();
}

const FOLDERS = ['state', 'prefix'];

/** The folders of a site, `live`, to or from where those of a moment lie. What was written onto the medium goes. */
async function copyFolders(site: Site, from: string, to: string): Promise<void> {
  for (const name of await readdir(site.lab.medium)) {
    if (!site.carried.includes(name)) await rm(join(site.lab.medium, name), { recursive: true });
  }
  const place = (name: string) => (name === 'live' ? site.lab.dir : site.path('moments', name));
  await mkdir(place(to), { recursive: true });
  const folders = FOLDERS.map((name) => join(place(from), name));
  await run('rm', ['-rf', ...FOLDERS.map((name) => join(place(to), name))]);
  await run('cp', ['-a', ...folders, place(to)]);
}
