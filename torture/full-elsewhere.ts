/**
 * Full disks that are not ferry's own: the one where the engine keeps its images, while it takes one in, and the stick,
 * while receipt and card go to it. The first undoes the import, in words; the second costs these copies and nothing else.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLab, emptyEngine, type Lab } from '../test/install/lab.ts';
import { jsonResult, type RanMain, runMain } from '../test/support/cli.ts';
import { startEngine, type TestEngine } from '../test/support/engine.ts';
import { differences, judgeView, type SiteView, viewSite, withoutIdentity } from '../test/support/site-view.ts';
import { command } from './in-process.ts';
import type { PartOptions, Row } from './part.ts';
import { carryReleases, type Releases } from './releases.ts';
import type { Stage } from './scenario.ts';
import { pick } from './seed.ts';
import { begin, struckCommand } from './strike.ts';
import { type Operation, systemError, Tap } from './tap.ts';
import { tidyLater } from './tidy.ts';

const MIB = 2 ** 20;
/** What is left on the engine's disk when the first load begins, in steps up to more than all of it needs. */
const STEP = MIB / 4;
const STEPS = 60;

/** The engine's disk, with ever more room on it. */
export async function fillEngine({ sample, seed, log }: PartOptions): Promise<Row> {
  const site = await startSmallEngine();
  try {
    const { old, next } = site;
    const chosen = pick(
      Array.from({ length: STEPS }, (_, i) => i * STEP),
      sample,
      seed,
    );
    const ended = { old: 0, new: 0, wrong: 0 };
    for (const room of chosen) {
      await site.makeOld();
      const ran = await site.importWith(room);
      const verdict = judgeView(await site.view(), { old, next });
      const why = verdict.is === 'wrong' ? [...verdict.why] : [];
      if (ran.status !== (verdict.is === 'new' ? 0 : 5)) why.push(`status ${ran.status}: ${ran.stderr || ran.stdout}`);
      const again = await site.importWith(undefined);
      if (again.status !== 0) why.push(`done again: status ${again.status}: ${again.stderr || again.stdout}`);
      why.push(...differences(await site.view(), next).map((line) => `done again: ${line}`));
      ended[why.length > 0 ? 'wrong' : verdict.is] += 1;
      if (why.length > 0) log(`full-disk: engine with ${room} bytes of room:\n    ${why.join('\n    ')}`);
    }
    const note = `from no room at all, by steps of ${STEP / 1024} KiB`;
    return {
      what: 'the engine’s disk is full while it takes an image in',
      points: chosen.length,
      of: STEPS,
      ...ended,
      note,
    };
  } finally {
    await site.stop();
  }
}

interface SmallSite {
  readonly old: SiteView;
  readonly next: SiteView;
  makeOld(): Promise<void>;
  view(): Promise<SiteView>;
  /** Imports the second release. @param room so many bytes when the first load begins; undefined: enough */
  importWith(room: number | undefined): Promise<RanMain>;
  stop(): Promise<void>;
}

async function startSmallEngine(): Promise<SmallSite> {
  const disk = mkdtempSync('/tmp/fd-');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512m', 'tmpfs', disk]);
  let engine: TestEngine | undefined;
  let lab: Lab | undefined;
  const stop = tidyLater(async () => {
    await engine?.stop();
    await lab?.remove();
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });
  try {
    engine = await startEngine({ dataRoot: disk });
    lab = await createLab(engine, { now: new Date() });
    const site = smallSite({ disk, engine, lab, releases: await carryReleases(lab, 4 * MIB), stop });
    await site.makeOld();
    const old = await site.view();
    await site.importWith(undefined);
    return { ...site, old, next: await site.view() };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface SmallParts {
  readonly disk: string;
  readonly engine: TestEngine;
  readonly lab: Lab;
  readonly releases: Releases;
  readonly stop: () => Promise<void>;
}

function smallSite({ disk, engine, lab, releases, stop }: SmallParts): Omit<SmallSite, 'old' | 'next'> {
  const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: engine.host };
  const importing = (bundle: string) => runMain(['import', bundle, '--yes', '--json'], { env, now: new Date() });
  const trusting = join(lab.dir, 'trusting');
  const resize = (size: string | number) => execFileSync('mount', ['-o', `remount,size=${size}`, disk]);
  return {
    stop,
    view: async () => withoutIdentity(await viewSite({ ...lab, socket: engine.socket })),
    makeOld: async () => {
      await emptyEngine(engine);
      for (const folder of [lab.stateDir, lab.prefix]) await rm(folder, { recursive: true, force: true });
      await mkdir(lab.prefix);
      // one identity for all: it is in receipts and on pins
      if (!existsSync(trusting)) {
        await lab.trust();
        execFileSync('cp', ['-a', lab.stateDir, trusting]);
      } else execFileSync('cp', ['-a', trusting, lab.stateDir]);
      const { status, stdout } = await importing(releases.one);
      if (status !== 0) throw new Error(`make the old state: ${stdout}`);
    },
    importWith: async (room) => {
      let isFull = room === undefined;
      const before = ({ kind, path }: Operation) => {
        if (isFull || kind !== 'call' || !path.includes('/images/load')) return undefined;
        isFull = true;
        const { blocks, bfree, bsize } = statfsSync(disk);
        resize((blocks - bfree) * bsize + (room ?? 0));
        return undefined;
      };
      const ran = (await new Tap({ folders: [], before }).run(() => importing(releases.two))) as RanMain;
      resize('512m');
      return ran;
    },
  };
}

/** The stick, at every operation of the receipt's copy and of the card. */
export async function fillMedium(stage: Stage, { sample, seed, log }: PartOptions): Promise<Row> {
  const { site, next } = stage;
  const operations: Operation[] = [];
  const onMedium = async (before: (operation: Operation) => undefined) => {
    const tap = new Tap({ folders: [site.lab.medium], before });
    const ran = (await tap.run(() => command(site, struckCommand(stage)))) as RanMain;
    if (tap.leftOpen.length > 0) throw new Error(`left open: ${tap.leftOpen}`);
    return ran;
  };
  const isWrite = ({ kind }: Operation) => kind !== 'read' && kind !== 'call' && kind !== 'remove';
  await begin(stage);
  await onMedium((operation) => {
    if (isWrite(operation)) operations.push(operation);
  });
  const chosen = pick(Array.from(operations.keys()), sample, seed);
  const ended = { new: 0, wrong: 0 };
  for (const at of chosen) {
    await begin(stage);
    let seen = 0;
    const ran = await onMedium((operation) => {
      if (!isWrite(operation)) return;
      seen += 1;
      if (seen > at) throw systemError('ENOSPC', operation);
    });
    const why = differences(withoutIdentity(await site.view()), next);
    const said = JSON.stringify(jsonResult(ran)['warnings'] ?? []);
    const paths = operations.slice(at).map(({ path }) => path);
    if (ran.status !== 0) why.push(`status ${ran.status}: ${ran.stderr || ran.stdout}`);
    for (const [file, what] of [
      ['.receipt.json', 'copy of the receipt'],
      ['.site.json', 'card of this site'],
    ] as const) {
      const isLost = paths.some((path) => path.includes(file));
      if (isLost && !said.includes(`no ${what} on the medium`))
        why.push(`nothing is said of the ${what}: ${ran.stdout}`);
    }
    ended[why.length > 0 ? 'wrong' : 'new'] += 1;
    if (why.length > 0)
      log(`full-disk: the stick, write ${at + 1} of ${operations.length}:\n    ${why.join('\n    ')}`);
  }
  const what = 'the stick is full while receipt and card go to it';
  return { what, points: chosen.length, of: operations.length, ...ended };
}
