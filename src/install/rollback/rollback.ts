/**
 * Back to what was installed before: names and files as they stood when it was left, in one transaction, which can itself
 * be rolled back. It lowers the release floor, never that of trust. Containers are not touched: data may have moved on,
 * and whether old code can read it is for a person to say. DESIGN "Command line".
 */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Progress, silentProgress } from '../../content/index.ts';
import type { Engine } from '../../docker/index.ts';
import { FerryError } from '../../errors.ts';
import { ensureSiteIdentity, findSiteIdentity } from '../../site/index.ts';
import { findState, openState, type SiteState, type SystemLog } from '../../state/index.ts';
import { releaseCommand } from '../activation/compose.ts';
import { InstallError, reasonMissing } from '../error.ts';
import { FolderTree } from '../files/folder.ts';
import type { ImportedCertificate } from '../import/result.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { siteClock } from '../license/site-clock.ts';
import { lineOrWarning } from '../records/import-log.ts';
import type { Override, ReceiptFile, ReceiptImage } from '../records/receipt.ts';
import { writeRefusal } from '../records/refusal.ts';
import type { Outcome, Site } from '../steps/step.ts';
import { journalEngine } from '../transaction/journal.ts';
import { type Recovered, recoverPending } from '../transaction/recover.ts';
import { siteFor } from '../transaction/site.ts';
import { runTransaction } from '../transaction/transaction.ts';
import { describeBack, type ServeAgainOptions } from './certificate.ts';
import { nothingBefore, planRollback, type RollbackPlan } from './rollback-plan.ts';
import { filesShown, imagesShown, rollbackSteps } from './rollback-steps.ts';

export interface RollbackOptions extends ServeAgainOptions {
  readonly stateDir: string;
  readonly prefix: string;
  readonly engine: (socket: string | undefined) => Promise<Engine>;
  /** Asks a person, with what would be done in one line; without it nobody is asked. */
  readonly confirm?: ((line: string) => Promise<boolean>) | undefined;
  /** Goes back to a release that is revoked; wants a reason. @default false */
  readonly allowRevoked?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly now: Date;
  /** Of the commit that this ferry was built from. */
  readonly buildTime?: Date | undefined;
  readonly command?: string | undefined;
  readonly systemLog?: SystemLog | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RollbackResult {
  readonly product: string;
  /** As people see it; empty where what was here before the first import is back. */
  readonly release: string;
  /** 0 for what was here before the first import. */
  readonly sequence: number;
  readonly from: { readonly release: string; readonly sequence: number };
  readonly images: readonly ReceiptImage[];
  readonly files: readonly ReceiptFile[];
  /** The certificate that is back. */
  readonly tls?: ImportedCertificate;
  /** Path of the signed receipt. */
  readonly receipt: string;
  /** The words of the command that runs the release that is back. */
  readonly activate?: readonly string[];
  /** Containers that still see the file of before, because they mount that one file: they must be made anew. */
  readonly recreate?: readonly { readonly container: string; readonly path: string }[];
  /** What became of a transaction that was pending. */
  readonly recovered: Recovered;
  readonly warnings: readonly string[];
}

/**
 * Makes the release that was installed before the installed one again.
 * @throws {InstallError} `NOTHING_BEFORE`, `ENGINE_OTHER`, `IMAGE_GONE`, `PREVIOUS_REVOKED`, `NOT_CONFIRMED`, `REASON_MISSING`, and as
 *   `runTransaction`; {DockerError}, {StateError}, {ContentError} `LOCKED`. Everything is then as it was before.
 */
export async function rollBack(options: RollbackOptions): Promise<RollbackResult> {
  if (options.allowRevoked && !options.reason) throw reasonMissing('roll back', '--allow-revoked');
  const { stateDir, command, systemLog } = options;
  if ((await (await findState(stateDir))?.findCurrentSequence()) === undefined) throw nothingBefore(undefined);
  const state = await openState(stateDir, { command, systemLog });
  const lock = await state.lock();
  try {
    const { recovered, warnings } = await recoverPending(state, options);
    const done = await rollBackWith(state, options);
    return { ...done, recovered, warnings: [...warnings, ...done.warnings] };
  } catch (error) {
    const { now, reason } = options;
    if (error instanceof FerryError) await writeRefusal(state, error, { facts: { command: 'rollback' }, now, reason });
    throw error;
  } finally {
    await lock.release();
  }
}

async function rollBackWith(state: SiteState, options: RollbackOptions): Promise<Omit<RollbackResult, 'recovered'>> {
  const engine = await options.engine(undefined);
  const tree = new FolderTree(options.prefix);
  try {
    const plan = await planRollback({
      state,
      engine,
      tree,
      prefix: options.prefix,
      allowRevoked: options.allowRevoked === true,
      clock: siteClock(await findSiteTrust(state), options),
      serve: options,
    });
    const { confirm } = options;
    if (confirm !== undefined && !(await confirm(plan.title))) throw notConfirmed();
    const warnings: string[] = [...plan.warnings];
    const overrides = plan.isRevoked ? [{ flag: '--allow-revoked', reason: options.reason ?? '' }] : [];
    const warn = (line: string) => warnings.push(line);
    const { recreate, serve } = await carryOut(plan, { state, engine, tree, options, overrides, warn });
    const back = describeBack(plan.certificate, serve);
    return { ...describe(plan, { state, prefix: options.prefix, warnings }), ...back, ...(recreate && { recreate }) };
  } finally {
    await tree.close();
    engine.close();
  }
}

interface CarryOutOptions {
  readonly state: SiteState;
  readonly engine: Engine;
  readonly tree: FolderTree;
  readonly options: RollbackOptions;
  readonly overrides: readonly Override[];
  readonly warn: (line: string) => void;
}

async function carryOut(
  plan: RollbackPlan,
  { state, engine, tree, options, overrides, warn }: CarryOutOptions,
): Promise<Outcome> {
  const { prefix, now, signal, progress = silentProgress } = options;
  const identity = (await findSiteIdentity(state)) ?? (await ensureSiteIdentity(state));
  const id = randomBytes(6).toString('hex');
  const began = performance.now();
  const facts = { from: plan.from.sequence, to: plan.target.sequence, release: plan.target.release };
  const tell: Site['tell'] = async (became) =>
    became === 'undone' ? [] : lineOrWarning(() => state.appendAudit({ event: 'rollback', at: now, facts }));
  const site = await siteFor({ id, state, identity, engine, prefix, tree, now, began, signal, progress, warn, tell });
  const steps = await rollbackSteps(plan, { site, overrides });
  const { product, release, sequence } = plan.target;
  const about = { id, command: 'rollback', title: plan.title, product, release, sequence, prefix } as const;
  const journal = { ...about, engine: journalEngine(engine.facts), started: now.toISOString(), steps, at: 0 };
  await runTransaction({ ...journal, direction: 'forward' }, site);
  return site.outcome;
}

function describe(
  { target, from, installed, override }: RollbackPlan,
  {
    state,
    prefix,
    warnings,
  }: { readonly state: SiteState; readonly prefix: string; readonly warnings: readonly string[] },
): Omit<RollbackResult, 'recovered'> {
  const dir = join(state.dir, 'releases', String(target.sequence));
  const activate = target.document && releaseCommand(target.document, { prefix, dir, override });
  return {
    product: target.product || from.product,
    release: target.shown,
    sequence: target.sequence,
    from: { release: from.shown, sequence: from.sequence },
    images: imagesShown(installed),
    files: filesShown(installed, prefix),
    receipt: join(dir, 'receipt.json'),
    ...(activate !== undefined && { activate }),
    warnings,
  };
}

function notConfirmed(): InstallError {
  return new InstallError('roll back: expected a yes, got another answer', { code: 'NOT_CONFIRMED' });
}
