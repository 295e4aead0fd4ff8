/**
 * Ten thousand wrong copies of one right bundle, each imported into an empty engine: refused with status 3 or 4, with
 * nothing left loaded, no name moved, no file written, no floor raised, in bounded memory. What a site does not read of
 * a bundle (layers of another platform, attestations, another site's files) is apart: there an import must end as if
 * nothing were wrong, and `ferry verify` must say that something is.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { wordsFor } from '../src/cli/words.ts';
import { connectEngine, type Engine } from '../src/docker/index.ts';
import { FerryError } from '../src/errors.ts';
import { createLab, emptyEngine, type Lab, type LabBundle } from '../test/install/lab.ts';
import { runFerry } from '../test/support/cli.ts';
import { startEngine, type TestEngine } from '../test/support/engine.ts';
import type { TestImage } from '../test/support/images.ts';
import { buildImage, generatedLayer, type ImageSpec } from '../test/support/registry-images.ts';
import { differences, type SiteView, viewSite } from '../test/support/site-view.ts';
import { FAMILIES, flipIn, type Mutation, mutate, type Original, readOriginal } from './mutate.ts';
import type { Part, PartOptions, Row } from './part.ts';
import { randomFrom } from './seed.ts';
import { tidyLater } from './tidy.ts';

const MUTATIONS = 10_000;
const BY_COMMAND = 300;
const UNUSED = 200;
/** Held above what was held when the process was warm. */
const MAX_GROWTH_MIB = 40;

export const mutations: Part = {
  name: 'mutations',
  title: 'wrong copies of a bundle, into an empty engine',
  run: async (options) => {
    const setting = await startSetting();
    try {
      const inside = await tortureImport(setting, options);
      const outside = await tortureCommand(setting, options);
      return [...inside, outside, await tortureUnused(setting, options)];
    } finally {
      await setting.stop();
    }
  },
};

interface Setting {
  readonly engine: TestEngine;
  readonly connection: Engine;
  readonly lab: Lab;
  readonly good: LabBundle;
  readonly original: Original;
  /** Where the wrong copies lie, one at a time. */
  readonly bad: string;
  stop(): Promise<void>;
}

async function startSetting(): Promise<Setting> {
  const engine = await startEngine();
  const lab = await createLab(engine, { now: new Date() });
  const stranger = await createLab(engine, { now: new Date() });
  let connection: Engine | undefined;
  const stop = tidyLater(async () => {
    connection?.close();
    await Promise.all([lab.remove(), stranger.remove()]);
    await engine.stop();
  });
  try {
    await lab.publisher.rotate(['timestamp']); // a chain of two roots
    await stranger.publisher.rotate(['timestamp']);
    const good = await lab.release(release());
    const theirs = readOriginal(await readFile((await stranger.release(release())).path), {
      unused: NONE,
      stranger: new Map(),
    });
    const documents = new Map(
      theirs.entries.filter(({ name }) => name.startsWith('tuf/')).map((e) => [e.name, e.bytes]),
    );
    const unused = unusedEntries();
    const original = readOriginal(await readFile(good.path), { unused, stranger: documents });
    await lab.trust();
    await cp(lab.stateDir, trustingOf(lab), COPY);
    connection = await connectEngine({ env: { DOCKER_HOST: engine.host } });
    const bad = join(lab.dir, 'bad.ferry.tar');
    return { engine, connection, lab, good, original, bad, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const NONE: ReadonlySet<string> = new Set();
const OTHER_SITE = '0123456789abcdef';
const PLATFORMS = ['linux/amd64', 'linux/arm64'];

const IMAGES: Readonly<Record<string, ImageSpec>> = {
  'ghcr.io/atrium/server:1': {
    layers: [generatedLayer('base', 2000), { bytes: generatedLayer('server', 9000), compression: 'none' }],
    platforms: PLATFORMS,
    attestations: true,
  },
  'ghcr.io/atrium/worker:1': {
    layers: [generatedLayer('base', 2000), { bytes: generatedLayer('worker', 3000), compression: 'zstd' }],
    platforms: PLATFORMS,
  },
};

const release = () => ({
  release: '1.0.0',
  images: Object.entries(IMAGES).map(([name, spec]) => asTestImage(name, spec)),
  platforms: PLATFORMS,
  files: [
    { name: 'a.conf', text: 'plain text\n'.repeat(100), install: '/etc/atrium/a.conf' },
    { name: 'kept.txt', text: 'kept in the state\n' },
  ],
  sites: {
    any: [{ name: 'license.blob', text: 'a licence'.repeat(50), install: '/etc/atrium/license.blob' }],
    [OTHER_SITE]: [{ name: 'other.txt', text: 'of another site\n'.repeat(40), install: '/etc/atrium/other.txt' }],
  },
});

/** The lab takes from an image its name, its target and its blobs. */
function asTestImage(name: string, spec: ImageSpec): TestImage {
  const { target, manifests, blobs } = buildImage(spec);
  const bytes = [...manifests, ...blobs].map(({ descriptor, bytes }) => [descriptor.digest, bytes] as const);
  return { name, target: target.descriptor, blobs: new Map<string, Buffer>(bytes) } as unknown as TestImage;
}

/** By the images as they were built: what this platform and this site have no use for. */
function unusedEntries(): ReadonlySet<string> {
  const images = Object.values(IMAGES).map(buildImage);
  const documents = images.flatMap(({ platforms, attestations }) => [
    ...platforms.map(({ config }) => config.descriptor.digest as string),
    ...attestations.map(({ bytes }) => JSON.parse(bytes.toString()).config.digest as string),
  ]);
  const read = images.flatMap(({ platforms }) => platforms[0]?.layers.map(({ descriptor }) => descriptor.digest) ?? []);
  const isRead = new Set<string>([...documents, ...read]);
  const blobs = images.flatMap((image) => image.blobs.map(({ descriptor }) => descriptor.digest));
  const others = blobs.filter((digest) => !isRead.has(digest)).map(nameOf);
  return new Set([...others, `sites/${OTHER_SITE}/site-files.json`, `sites/${OTHER_SITE}/other.txt`]);
}

const nameOf = (digest: string): string => digest.replace('sha256:', 'blobs/sha256/');

/** Through the function that the command calls. */
async function tortureImport(setting: Setting, { sample, seed, log }: PartOptions): Promise<Row[]> {
  const count = Math.min(sample ?? MUTATIONS, MUTATIONS);
  const tally = new Map(
    FAMILIES.map((family) => [family, { points: 0, wrong: 0, statuses: new Map<number, number>() }]),
  );
  const before = await look(setting);
  const warmUp = Math.min(500, Math.floor(count / 2));
  let warm = 0;
  let peak = 0;
  for (let i = 0; i < count; i += 1) {
    const mutation = mutate(setting.original, randomFrom(seed + i));
    const { status, problem } = await tryImport(setting, mutation, before);
    const row = tally.get(mutation.family);
    if (row === undefined) throw new TypeError(mutation.family);
    row.points += 1;
    row.statuses.set(status, (row.statuses.get(status) ?? 0) + 1);
    if (problem !== undefined) {
      row.wrong += 1;
      log(`mutations: seed ${seed} + ${i}: ${mutation.what}: ${problem}`);
      await startOver(setting);
    }
    if (i < warmUp && i % 50 === 0) warm = Math.max(warm, heldMiB());
    else if (i % 50 === 0) peak = Math.max(peak, heldMiB());
  }
  const growth = Math.max(0, peak - warm);
  const left = await layersLeft(setting.engine);
  if (left > 0) log(`mutations: ${left} layers are left in the engine's store`);
  const rows: Row[] = [...tally].map(([family, { points, wrong, statuses }]) => ({
    what: `wrong copy: ${family}`,
    points,
    old: points - wrong,
    wrong,
    note: [...statuses]
      .toSorted()
      .map(([status, n]) => `status ${status}: ${n}`)
      .join(', '),
  }));
  const isBounded = growth <= MAX_GROWTH_MIB && left === 0;
  const memory = `what is held in memory grew by ${growth.toFixed(0)} MiB at most, allowed ${MAX_GROWTH_MIB}`;
  rows.push({
    what: 'wrong copies: memory, and layers in the store',
    points: count,
    wrong: isBounded ? 0 : 1,
    note: memory,
  });
  return rows;
}

async function tryImport(setting: Setting, { bytes }: Mutation, before: SiteView): Promise<Tried> {
  await writeFile(setting.bad, bytes);
  const { status, problem } = await statusOf(setting);
  if (problem !== undefined) return { status, problem };
  if (status !== 3 && status !== 4) return { status, problem: 'expected status 3 or 4' };
  const changed = differences(await look(setting), before);
  return changed.length === 0 ? { status } : { status, problem: `not as before:\n    ${changed.join('\n    ')}` };
}

/** How an import ended, and what was wrong with that. */
interface Tried {
  readonly status: number;
  readonly problem?: string;
}

async function statusOf({ lab, bad, connection }: Setting): Promise<Tried> {
  try {
    await lab.import(bad, { engine: connection, now: new Date() });
    return { status: 0 };
  } catch (error) {
    if (!(error instanceof FerryError)) return { status: 1, problem: `no words for ${String(error)}` };
    const { exit: status } = wordsFor(error);
    const isLine = !/[\n\r]/.test(error.message) && (status === 3 || status === 4);
    return isLine ? { status } : { status, problem: `${error.code}: ${error.message}` };
  }
}

/** Through `bin/ferry`: status, one line, no stack. */
async function tortureCommand(setting: Setting, { sample, seed, log }: PartOptions): Promise<Row> {
  const count = Math.min(sample === undefined ? BY_COMMAND : Math.ceil(sample / 30), BY_COMMAND);
  const before = await look(setting);
  const { lab, engine, bad } = setting;
  let wrong = 0;
  for (let i = 0; i < count; i += 1) {
    const mutation = mutate(setting.original, randomFrom(seed + MUTATIONS + i));
    await writeFile(bad, mutation.bytes);
    const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: engine.host };
    const { status, stdout, stderr } = await runFerry(['import', bad, '--yes'], { env });
    const isTold = stdout === '' && /^ferry: error: .+$/m.test(stderr) && !/^ +at /m.test(stderr);
    const changed = differences(await look(setting), before);
    if ((status === 3 || status === 4) && isTold && changed.length === 0) continue;
    wrong += 1;
    log(
      `mutations: seed ${seed + MUTATIONS} + ${i}: ${mutation.what}: status ${status}: ${stderr}${changed.join('; ')}`,
    );
    await startOver(setting);
  }
  return { what: 'wrong copy: through bin/ferry, all kinds', points: count, old: count - wrong, wrong };
}

/**
 * What is not read does not count: installed as if it were right, though the whole is not called right. A document of
 * another site may be refused too: it is read as far as its entries must be known.
 */
async function tortureUnused(setting: Setting, { sample, seed, log }: PartOptions): Promise<Row> {
  const { lab, connection, good, original, bad } = setting;
  const names = original.entries.map(({ name }) => name).filter((name) => original.unused.has(name));
  const count = Math.min(sample === undefined ? UNUSED : Math.max(2, Math.ceil(sample / 30)), UNUSED);
  await startOver(setting);
  const before = await look(setting);
  await lab.import(good.path, { engine: connection, now: new Date() });
  const after = await look(setting);
  const ended = { old: 0, new: 0, wrong: 0 };
  for (let i = 0; i < count; i += 1) {
    await startOver(setting);
    const { what, bytes } = flipIn(original, names[i % names.length] as string, randomFrom(seed + i));
    await writeFile(bad, bytes);
    const { status, problem } = await statusOf(setting);
    const { status: verified } = await runFerry(['verify', bad], { env: { FERRY_STATE: lab.stateDir } });
    const { is, why } =
      status === 0 ? judged(await look(setting), 'new', after) : judged(await look(setting), 'old', before);
    const isSeen = (verified === 3 || verified === 4) && problem === undefined;
    ended[isSeen ? is : 'wrong'] += 1;
    if (is === 'wrong' || !isSeen) {
      log(
        `mutations: unread: seed ${seed} + ${i}: ${what}: status ${status}, verify ${verified}: ${problem ?? why.join('; ')}`,
      );
    }
  }
  const note =
    'layers of another platform, attestations, another site’s files: installed as signed, and `verify` refuses';
  return { what: 'a bit in what this site does not read', points: count, ...ended, note };
}

/** As expected, or what differs. */
function judged<Is extends 'old' | 'new'>(
  view: SiteView,
  is: Is,
  expected: SiteView,
): { readonly is: Is | 'wrong'; readonly why: readonly string[] } {
  const why = differences(view, expected);
  return { is: why.length === 0 ? is : 'wrong', why };
}

/** All that an import may change but what a site learns of its office: what the engine has, files, state, floors. */
async function look({ engine, lab }: Setting): Promise<SiteView> {
  const view = await viewSite({ ...lab, socket: engine.socket });
  return new Map([...view].filter(([key]) => !key.startsWith('learned')));
}

/** Layers that the classic store keeps, with or without an image. */
async function layersLeft({ dataRoot }: TestEngine): Promise<number> {
  const [driver] = (await readdir(join(dataRoot, 'image'))).filter((name) => name !== 'lost+found');
  const layers = join(dataRoot, 'image', driver ?? '', 'layerdb', 'sha256');
  return (await readdir(layers).catch(() => [])).length;
}

/** An empty engine and a site that has imported nothing. */
async function startOver({ engine, lab }: Setting): Promise<void> {
  await emptyEngine(engine);
  await rm(lab.stateDir, { recursive: true, force: true });
  await rm(lab.prefix, { recursive: true, force: true });
  await mkdir(lab.prefix);
  await cp(trustingOf(lab), lab.stateDir, COPY);
}

const COPY = { recursive: true, verbatimSymlinks: true } as const;

/** The state as it was when the site trusted the office and had imported nothing: with the identity that pins show. */
const trustingOf = ({ dir }: Lab): string => join(dir, 'trusting');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is held after a collection: the process as a whole also has what was not collected yet. */
function heldMiB(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
