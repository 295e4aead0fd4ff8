/**
 * The import of a release, once it is planned: its steps are run, and what is told of it. DESIGN decisions 3 to 6.
 */

import { join } from 'node:path';
import { parseReleaseDocument } from '../../manifest/index.ts';
import { OVERRIDE, releaseCommand } from '../activation/compose.ts';
import { DEFAULT_KEEP } from '../kept/retention.ts';
import { activationFailed } from '../steps/activate.ts';
import type { Outcome } from '../steps/step.ts';
import { askToGoOn } from './ask.ts';
import { describeCertificate, receiptCertificate, useUpKey } from './certificate.ts';
import { describePlan } from './dry-run.ts';
import { runImport } from './import-transaction.ts';
import type { ReleasePlan } from './planned-release.ts';
import { bytesOf, imagesOf, isDone, totalBytes } from './release-figures.ts';
import { planRelease } from './release-plan.ts';
import { releaseSteps, stepsBeside } from './release-steps.ts';
import type { ImportResult } from './result.ts';
import { importedFiles, prefixOf, progressOf, type ReleaseSession, type Session } from './session.ts';

/** Imports the release that a session's bundle carries. @throws as `importBundle` */
export async function importRelease({ engine, state, ...about }: Session): Promise<ImportResult> {
  const plan = await planRelease({ engine, state, ...about });
  try {
    if (engine === undefined) throw new TypeError('expected no plan without an engine');
    const session = { engine, state, ...about };
    const planned = async (): Promise<ImportResult> => ({
      ...describe(session, plan, { action: 'planned', bytesRead: bytesOf(plan) }),
      plan: await describePlan(session, plan),
    });
    if (state === undefined) return await planned(); // while the folders are open
    const isThere = isDone(plan);
    const { change } = plan.ferry;
    if (isThere && plan.activation === undefined && change === undefined)
      return describe(session, plan, { action: 'present', bytesRead: 0 });
    await askToGoOn(session, planned);
    const { product, sequence, release } = plan.release;
    progressOf(session).phase('load images', bytesOf(plan) + (change?.size ?? 0));
    const action = isThere ? 'present' : 'installed';
    const done = await runImport(session, {
      state,
      tree: plan.files.tree,
      steps: isThere ? stepsBeside(plan) : await releaseSteps({ ...session, state }, plan),
      title: `import ${product} ${plan.listed.shown} (sequence ${sequence})`,
      ...{ product, release, sequence },
      line: {
        ...{ kind: 'release', action, release: plan.listed.shown, sequence, ferry: plan.ferry.outcome },
        certificate: receiptCertificate(plan.certificate).tls,
      },
      plans: plan.engine.plans,
      opened: plan.opened,
    });
    const warnings = [...plan.warnings, ...done.warnings, ...(await useUpKey(state, plan.certificate))];
    const { recreate } = done.outcome;
    return {
      ...describe(session, { ...plan, warnings }, { action, bytesRead: done.bytesRead }),
      ...(!isThere && previousOf(plan, session)),
      ...(recreate !== undefined && { recreate }),
      ...activationOf(plan, done.outcome),
      ...describeCertificate(session, plan.certificate, done.outcome),
    };
  } finally {
    await plan.files.tree.close();
  }
}

/** What a rollback goes back to, where that is kept. */
function previousOf({ current, release }: ReleasePlan, { options }: ReleaseSession): Pick<ImportResult, 'previous'> {
  if ((options.keep ?? DEFAULT_KEEP) < 2 || current?.sequence === release.sequence) return {};
  if (current === undefined) return { previous: { sequence: 0 } };
  return { previous: { sequence: current.sequence, release: parseReleaseDocument(current.document).release } };
}

/** What became of running it; the error is thrown when all that is installed is written down. */
function activationOf(
  { activation }: ReleasePlan,
  { activation: result, activationWhy = '' }: Outcome,
): Pick<ImportResult, 'activation' | 'failure'> {
  if (activation === undefined || result === undefined) return {};
  const failure = result === 'failed' ? activationFailed(activation.activate.data, activationWhy) : undefined;
  return { activation: result, ...(failure !== undefined && { failure }) };
}

function describe(
  session: ReleaseSession,
  plan: ReleasePlan,
  { action, bytesRead }: Pick<ImportResult, 'action' | 'bytesRead'>,
): ImportResult {
  const { release, listed } = plan;
  const dir = join(session.options.stateDir, 'releases', String(release.sequence));
  const isThere = action !== 'planned';
  const override = plan.override === undefined ? undefined : join(dir, OVERRIDE);
  const activate = releaseCommand(release, { prefix: prefixOf(session), dir, override });
  return {
    kind: 'release',
    action,
    product: release.product,
    release: listed.shown,
    sequence: release.sequence,
    images: imagesOf(plan),
    files: importedFiles(session, plan.files),
    bytesRead,
    bytesTotal: totalBytes(plan),
    engine: session.engine.facts,
    ...describeCertificate(session, plan.certificate),
    ...(plan.ferry.outcome && { ferry: plan.ferry.outcome }),
    ...(plan.overlay !== undefined && { overlay: plan.overlay }),
    ...(isThere && { receipt: join(dir, 'receipt.json') }),
    ...(isThere && override !== undefined && { composeOverride: override }),
    ...(activate !== undefined && { activate }),
    importableUntil: session.accepted.effective.expires,
    warnings: plan.warnings,
  };
}
