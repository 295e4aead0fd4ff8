/**
 * The import of a release, once it is planned: its steps are run, and what is told of it. DESIGN decisions 3 to 6.
 */

import { join } from 'node:path';
import { OVERRIDE, releaseCommand } from './compose.ts';
import { describePlan } from './dry-run.ts';
import { runImport } from './import-transaction.ts';
import { bytesOf, imagesOf, isDone, planRelease, type ReleasePlan, totalBytes } from './release-plan.ts';
import { releaseSteps } from './release-steps.ts';
import type { ImportResult } from './result.ts';
import { importedFiles, prefixOf, progressOf, type ReleaseSession, type Session } from './session.ts';

/** Imports the release that a session's bundle carries. @throws as `importBundle` */
export async function importRelease({ engine, state, ...about }: Session): Promise<ImportResult> {
  const plan = await planRelease({ engine, state, ...about });
  try {
    if (engine === undefined) throw new TypeError('expected no plan without an engine');
    const session = { engine, state, ...about };
    if (state === undefined) {
      const planned = describe(session, plan, { action: 'planned', bytesRead: bytesOf(plan) });
      return { ...planned, plan: await describePlan(session, plan) };
    }
    if (isDone(plan)) return describe(session, plan, { action: 'present', bytesRead: 0 });
    const { product, sequence, release } = plan.release;
    progressOf(session).phase('load images', bytesOf(plan));
    const done = await runImport(session, {
      state,
      tree: plan.files.tree,
      steps: await releaseSteps({ ...session, state }, plan),
      title: `import ${product} ${plan.listed.shown} (sequence ${sequence})`,
      ...{ product, release, sequence },
      plans: plan.engine.plans,
    });
    const warnings = [...plan.warnings, ...done.warnings];
    const { recreate } = done.outcome;
    return {
      ...describe(session, { ...plan, warnings }, { action: 'installed', bytesRead: done.bytesRead }),
      ...(recreate !== undefined && { recreate }),
    };
  } finally {
    await plan.files.tree.close();
  }
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
    ...(isThere && { receipt: join(dir, 'receipt.json') }),
    ...(isThere && override !== undefined && { composeOverride: override }),
    ...(activate !== undefined && { activate }),
    importableUntil: session.accepted.effective.expires,
    warnings: plan.warnings,
  };
}
