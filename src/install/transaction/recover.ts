/**
 * After a transaction was cut off: forward when all content is proven and in, back otherwise. From the journal, the
 * disk and the engine alone; and when this is cut off too, the next one goes on. DESIGN decision 4.
 */

import type { Progress } from '../../content/index.ts';
import { DockerError, type Engine } from '../../docker/index.ts';
import { FerryError, messageOf } from '../../errors.ts';
import { ensureSiteIdentity, findSiteIdentity } from '../../site/index.ts';
import { findState, openState, type SiteState, type SystemLog } from '../../state/index.ts';
import { InstallError } from '../error.ts';
import { FolderTree } from '../files/folder.ts';
import { repin } from '../kept/repin.ts';
import { lineOrWarning } from '../records/import-log.ts';
import { writeRefusal } from '../records/refusal.ts';
import { kindOf } from '../steps/index.ts';
import type { Site } from '../steps/step.ts';
import { findPending, type Journal, type JournalEngine } from './journal.ts';
import { siteFor } from './site.ts';
import { goBack, goForward, settle } from './transaction.ts';

/** What became of it; `null`: nothing was pending. */
export type Recovered = 'finished' | 'undone' | null;

export interface RecoverOptions {
  /** Connects to the engine at this address, or where none is given, to the usual one; it is closed here. */
  readonly engine: (socket: string | undefined) => Promise<Engine>;
  readonly now: Date;
  readonly progress?: Progress | undefined;
}

export interface RecoverSiteOptions extends RecoverOptions {
  readonly stateDir: string;
  readonly command?: string | undefined;
  readonly systemLog?: SystemLog | undefined;
}

export interface RecoverResult {
  readonly recovered: Recovered;
  /** What was pending: `import atrium 2.1.0 (sequence 7)`. */
  readonly title?: string;
  readonly activation?: 'healthy' | 'failed';
  /** Containers that still see an old file, because they mount that one file: they must be made anew. */
  readonly recreate?: readonly { readonly container: string; readonly path: string }[];
  /** How many pins of kept releases were put back, which a prune had taken. */
  readonly repinned?: number;
  readonly warnings: readonly string[];
}

/** Finishes or undoes what is pending on a site. @throws as {@link recoverPending}; {StateError}, {ContentError} `LOCKED` */
export async function recoverSite({
  stateDir,
  command,
  systemLog,
  ...options
}: RecoverSiteOptions): Promise<RecoverResult> {
  if ((await findState(stateDir)) === undefined) return { recovered: null, warnings: [] };
  const state = await openState(stateDir, { command, systemLog });
  const lock = await state.lock();
  try {
    const done = await recoverPending(state, options);
    return { ...done, ...(await repinned(state, options)) };
  } catch (error) {
    const { now } = options;
    if (error instanceof FerryError) await writeRefusal(state, error, { facts: { command: 'recover' }, now });
    throw error;
  } finally {
    await lock.release();
  }
}

/** Pins are put back where an engine answers; where none does, there is nothing to be said that it would not say itself. */
async function repinned(state: SiteState, { engine: connect }: RecoverOptions): Promise<{ readonly repinned: number }> {
  if ((await state.findCurrentSequence()) === undefined) return { repinned: 0 };
  const engine = await connect(undefined).catch(unlessAway);
  try {
    return { repinned: engine === undefined ? 0 : await repin(state, engine) };
  } finally {
    engine?.close();
  }
}

function unlessAway(error: unknown): undefined {
  if (!(error instanceof DockerError)) throw error;
}

/**
 * The same for a command that has the state's lock and goes on to something else.
 * @throws {DockerError} when the engine cannot be asked; {InstallError} `ENGINE_OTHER`, `UNDO_INCOMPLETE`,
 *   `JOURNAL_DAMAGED`. The journal then stays.
 */
export async function recoverPending(state: SiteState, options: RecoverOptions): Promise<RecoverResult> {
  const journal = await findPending(state);
  if (journal === undefined) {
    await state.tidy();
    return { recovered: null, warnings: [] };
  }
  const engine = journal.engine && (await options.engine(journal.engine.socket));
  const tree = new FolderTree(journal.prefix);
  const warnings: string[] = [];
  try {
    if (engine !== undefined) checkEngine(journal, engine);
    const identity = (await findSiteIdentity(state)) ?? (await ensureSiteIdentity(state));
    const { id, prefix } = journal;
    const { now, progress } = options;
    const about = { id, state, identity, engine, prefix, tree, now, progress, began: performance.now() };
    const tell: Site['tell'] = (became) => lineOrWarning(() => writeDown(journal, { state, now }, became));
    const site = await siteFor({ ...about, isRecovery: true, tell, warn: (line) => warnings.push(line) });
    const recovered = await goOn(journal, site);
    await state.tidy();
    const { activation, recreate } = site.outcome;
    const { title } = journal;
    return { recovered, title, warnings, ...(activation && { activation }), ...(recreate && { recreate }) };
  } finally {
    await tree.close();
    engine?.close();
  }
}

async function goOn(journal: Journal, site: Site): Promise<Exclude<Recovered, null>> {
  if (journal.direction === 'settle') {
    await settle(journal, site);
    return 'finished';
  }
  const from = journal.direction === 'forward' ? findResumable(journal) : undefined;
  if (from === undefined) {
    await goBack(journal, site);
    return 'undone';
  }
  try {
    // from the first of them, and not from `at`: a way back may have been begun that no journal could tell of
    await goForward(journal, site, from);
    return 'finished';
  } catch (error) {
    if (error instanceof InstallError && error.code === 'UNDO_INCOMPLETE') throw error;
    site.warn(`${journal.title} could not be finished, so it was undone: ${messageOf(error)}`);
    return 'undone';
  }
}

/** Where to go on when all that has to be read is in: the first of the steps that need no medium. */
function findResumable({ steps, at }: Journal): number | undefined {
  const from = steps.findLastIndex((step) => !kindOf(step).isResumable) + 1;
  return at >= from ? from : undefined;
}

function checkEngine({ engine, title }: Journal, { facts }: Engine): void {
  if (engine === undefined) return;
  const isSame = engine.id === facts.id && (engine.dataRoot ?? facts.dataRoot) === facts.dataRoot;
  if (isSame) return;
  const named = ({ socket, id, dataRoot = 'a folder unknown' }: JournalEngine) => `${id} with ${dataRoot} at ${socket}`;
  throw new InstallError(`recover ${title}: expected the engine ${named(engine)}, got ${named(facts)}`, {
    code: 'ENGINE_OTHER',
    facts: { expected: engine.socket, got: facts.socket },
  });
}

async function writeDown(
  journal: Journal,
  { state, now }: Pick<Site, 'state' | 'now'>,
  recovered: string,
): Promise<void> {
  const { command, title, id, release, sequence } = journal;
  const what = { ...(release !== undefined && { release }), ...(sequence !== undefined && { sequence }) };
  const facts = { command, title, transaction: id, result: recovered, ...what };
  await state.appendAudit({ event: 'recovery', at: now, facts });
}
