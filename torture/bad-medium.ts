/**
 * A stick that cannot be read: at any place of the bundle, for good or from some read on as when it is pulled out, and
 * not there at all. Status 4 in the middle, 75 before the start; nothing is changed, and the next import completes. A
 * place that this site has no need to read does no harm.
 */
import { rename, stat } from 'node:fs/promises';
import type { Ran, RanMain } from '../test/support/cli.ts';
import { startFerryGroup } from '../test/support/killed-ferry.ts';
import { differences, judgeView, withoutIdentity } from '../test/support/site-view.ts';
import { command } from './in-process.ts';
import { withLane } from './lane.ts';
import type { Part, PartOptions, Row } from './part.ts';
import { type Stage, setStage, UPDATE } from './scenario.ts';
import { pick } from './seed.ts';
import { begin, struckCommand } from './strike.ts';
import { type Operation, systemError, Tap } from './tap.ts';

const BLOCK = 512;
/** At most so many blocks, a tenth of them such as this import never reads: those of a layer that is there. */
const BLOCKS = 600;

export const badMedium: Part = {
  name: 'bad-medium',
  title: 'a stick that cannot be read',
  run: (options) =>
    withLane(async ({ site, releases }) => tortureMedium(await setStage(UPDATE, site, releases), options)),
};

/** Rows for the bundle of an update. */
export async function tortureMedium(stage: Stage, options: PartOptions): Promise<Row[]> {
  const bundle = stage.releases.two;
  const setting: Setting = { bundle, reads: await listReads(stage, bundle), options };
  return [
    await badPlaces(stage, setting),
    await pulledOut(stage, setting),
    await realCalls(stage, setting),
    await absent(stage, setting),
  ];
}

interface Setting {
  readonly bundle: string;
  /** What an undisturbed import reads of it, in order. */
  readonly reads: readonly Range[];
  readonly options: PartOptions;
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

async function listReads(stage: Stage, bundle: string): Promise<readonly Range[]> {
  await begin(stage);
  const reads: Range[] = [];
  const ran = await importWith(stage, bundle, ({ range }) => {
    if (range !== undefined) reads.push(range);
  });
  if (ran.status !== 0) throw new Error(`undisturbed: ${ran.stderr}`);
  return reads;
}

/** Whatever touches a bad block fails. */
async function badPlaces(stage: Stage, { bundle, reads, options }: Setting): Promise<Row> {
  const { size } = await stat(bundle);
  const all = Array.from({ length: Math.ceil(size / BLOCK) }, (_, i) => i * BLOCK);
  const isRead = (at: number) => reads.some(({ offset, length }) => offset < at + BLOCK && at < offset + length);
  const ended = { old: 0, new: 0, wrong: 0 };
  const most = Math.min(options.sample ?? BLOCKS, BLOCKS);
  const unread = pick(
    all.filter((at) => !isRead(at)),
    Math.ceil(most / 10),
    options.seed,
  );
  const chosen = [...pick(all.filter(isRead), most - unread.length, options.seed), ...unread];
  for (const bad of chosen) {
    const { is, why } = await readOnce(stage, isRead(bad) ? [4] : [0], () =>
      importWith(stage, bundle, (operation) => {
        const { offset = 0, length = 0 } = operation.range ?? {};
        if (offset < bad + BLOCK && bad < offset + length) throw systemError('EIO', operation);
      }),
    );
    ended[is] += 1;
    if (is === 'wrong') options.log(`bad-medium: bad block at ${bad} of ${size}:\n    ${why.join('\n    ')}`);
  }
  const note = 'new: places that this import has no need to read';
  return { what: 'a block of the bundle that cannot be read', points: chosen.length, of: all.length, ...ended, note };
}

/** From some read on nothing can be read. */
async function pulledOut(stage: Stage, { bundle, reads, options }: Setting): Promise<Row> {
  const chosen = pick(Array.from(reads.keys()), options.sample, options.seed);
  const ended = { old: 0, new: 0, wrong: 0 };
  for (const at of chosen) {
    let count = 0;
    const { is, why } = await readOnce(stage, [4], () =>
      importWith(stage, bundle, (operation) => {
        count += 1;
        if (count > at) throw systemError('EIO', operation);
      }),
    );
    ended[is] += 1;
    if (is === 'wrong')
      options.log(`bad-medium: pulled out at read ${at} of ${reads.length}:\n    ${why.join('\n    ')}`);
  }
  return { what: 'a stick that is pulled out at some read', points: chosen.length, of: reads.length, ...ended };
}

/** The same by the kernel's answer to a real process. */
async function realCalls(stage: Stage, { bundle, reads, options }: Setting): Promise<Row> {
  const chosen = pick(Array.from(reads.keys()), Math.min(Math.ceil((options.sample ?? 120) / 3), 40), options.seed);
  const ended = { old: 0, new: 0, wrong: 0 };
  for (const at of chosen) {
    const inject = [`trace=pread64`, `inject=pread64:error=EIO:when=${at + 1}+`].flatMap((text) => ['-e', text]);
    const wrapper = ['strace', '-f', '-qq', '-o', '/dev/null', '-P', bundle, ...inject];
    const env = { ...stage.site.env, UV_THREADPOOL_SIZE: '1' };
    const { is, why } = await readOnce(stage, [4], () => {
      stage.site.proxy.arm();
      return startFerryGroup(struckCommand(stage), { env, wrapper }).ended;
    });
    ended[is] += 1;
    if (is === 'wrong') options.log(`bad-medium: bin/ferry, pread64 ${at + 1}:\n    ${why.join('\n    ')}`);
  }
  return { what: 'the same with bin/ferry and the kernel’s own EIO', points: chosen.length, ...ended };
}

async function absent(stage: Stage, { bundle, options }: Setting): Promise<Row> {
  const elsewhere = stage.site.path('not-on-the-medium');
  await rename(bundle, elsewhere);
  try {
    const { is, why } = await readOnce(stage, [75], () => importWith(stage, bundle, () => undefined), {
      isThere: false,
    });
    if (is === 'wrong') options.log(`bad-medium: absent:\n    ${why.join('\n    ')}`);
    return { what: 'a stick that is not there', points: 1, old: is === 'old' ? 1 : 0, wrong: is === 'wrong' ? 1 : 0 };
  } finally {
    await rename(elsewhere, bundle);
  }
}

/** One import that ends with one of these statuses, and what the site is then. No `recover`: all must stand by itself. */
async function readOnce(
  stage: Stage,
  statuses: readonly number[],
  run: () => Promise<Ran>,
  { isThere = true } = {},
): Promise<{ readonly is: 'old' | 'new' | 'wrong'; readonly why: readonly string[] }> {
  const { site, old, next, scenario, releases } = stage;
  await begin(stage);
  const { status, stderr, stdout } = await run();
  const why: string[] = [];
  if (!statuses.includes(status ?? -1)) why.push(`expected status ${statuses}, got ${status}: ${stderr || stdout}`);
  if (/^ +at /m.test(stderr)) why.push(`a stack: ${stderr}`);
  const verdict = judgeView(withoutIdentity(await site.view()), { old: old.view, next });
  const expected = status === 0 ? 'new' : 'old';
  if (verdict.is === 'wrong') why.push(...verdict.why);
  else if (verdict.is !== expected) why.push(`status ${status}, and the site is on the ${verdict.is}`);
  if (isThere && verdict.is === 'old') {
    const again = await command(site, scenario.goal(releases));
    if (again.status !== 0) why.push(`done again: status ${again.status}: ${again.stderr}`);
    why.push(...differences(withoutIdentity(await site.view()), next).map((line) => `done again: ${line}`));
  }
  return { is: why.length > 0 ? 'wrong' : verdict.is, why };
}

/** @param onRead called before each read of the bundle; what it throws is what the read fails with */
async function importWith(stage: Stage, bundle: string, onRead: (operation: Operation) => void): Promise<RanMain> {
  const before = (operation: Operation) => {
    if (operation.kind === 'read') onRead(operation);
    return undefined;
  };
  const tap = new Tap({ folders: [bundle], before });
  const ran = (await tap.run(() => command(stage.site, struckCommand(stage)))) as RanMain;
  if (tap.leftOpen.length > 0) throw new Error(`left open: ${tap.leftOpen}`);
  return ran;
}
