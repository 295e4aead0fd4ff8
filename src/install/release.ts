/**
 * The import of a release, once it is planned: the steps in order (draft, hold, load, and files beside their places;
 * move tags, switch files, record), and what is told of it. DESIGN decisions 3 to 6.
 */

import { join } from 'node:path';
import type { ReleaseDocument } from '../manifest/index.ts';
import { activationCommand, OVERRIDE } from './compose.ts';
import { fileSteps } from './file-steps.ts';
import { imageSteps } from './image-steps.ts';
import { provenEntry } from './medium.ts';
import type { Override } from './receipt.ts';
import { recordSteps } from './record.ts';
import { bytesOf, imagesOf, isDone, planRelease, type ReleasePlan, totalBytes } from './release-plan.ts';
import type { ImportResult } from './result.ts';
import { identityOf, importedFiles, onHost, progressOf, type ReleaseSession, type Session } from './session.ts';
import { runSteps, type Step } from './step.ts';

/** Imports the release that a session's bundle carries. @throws as `importBundle` */
export async function importRelease({ engine, ...about }: Session): Promise<ImportResult> {
  const plan = await planRelease({ engine, ...about });
  if (engine === undefined) throw new TypeError('expected no plan without an engine');
  const session: ReleaseSession = { engine, ...about };
  try {
    if (session.state === undefined) return describe(session, plan, { action: 'planned', bytesRead: bytesOf(plan) });
    if (isDone(plan)) return describe(session, plan, { action: 'present', bytesRead: 0 });
    return await apply(session, plan);
  } finally {
    await plan.files.tree.close();
  }
}

async function apply(session: ReleaseSession, plan: ReleasePlan): Promise<ImportResult> {
  const { engine, bundle, options, state } = session;
  if (state === undefined) throw new TypeError('expected a state to write to');
  const warnings: string[] = [];
  let bytesRead = 0;
  const spool = await state.openSpool();
  try {
    progressOf(session).phase('load images', bytesOf(plan));
    const images = imageSteps(plan.engine, {
      engine,
      bundle,
      pinLabel: `import ${identityOf(session).site}`,
      spoolDir: spool.dir,
      progress: progressOf(session),
      signal: options.signal,
      onBytes: (bytes) => {
        bytesRead += bytes;
      },
    });
    const files = fileSteps(plan.files, (file) => provenEntry(bundle, file.entry, file));
    const record = recordSteps(session, state, {
      ...plan,
      images: imagesOf(plan),
      files: importedFiles(session, plan.files),
      overrides: overridesOf(session, plan),
      previous: plan.current?.sequence,
    });
    const steps: Step[] = [
      record.draft,
      ...(files ? [files.stage] : []),
      ...images.load,
      ...images.tag,
      ...(files ? [files.switch] : []),
      record.record,
      overrideStep(session, plan),
    ];
    await runSteps(steps, { signal: options.signal, onWarning: (line) => warnings.push(line) });
  } finally {
    await spool.remove();
  }
  return describe(session, { ...plan, warnings: [...plan.warnings, ...warnings] }, { action: 'installed', bytesRead });
}

/** A rule that was set aside is in the receipt and in the log; one that was not needed is not. */
function overridesOf({ options }: ReleaseSession, { listed }: ReleasePlan): readonly Override[] {
  return listed.isDowngrade ? [{ flag: '--allow-downgrade', reason: options.reason ?? '' }] : [];
}

/** Last, since a line in the log is not taken back; and what cannot be written down is not done. */
function overrideStep(session: ReleaseSession, plan: ReleasePlan): Step {
  return {
    name: 'write down what was set aside',
    apply: async () => {
      for (const { flag, reason } of overridesOf(session, plan)) {
        const facts = { flag, reason, release: plan.release.release, sequence: plan.release.sequence };
        await session.state?.appendAudit({ event: 'override', at: session.options.now, facts });
      }
    },
    undo: async () => {},
  };
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
  const activate = commandFor(session, release, { dir, override });
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

function commandFor(
  session: ReleaseSession,
  { compose, files }: ReleaseDocument,
  { dir, override }: { readonly dir: string; readonly override: string | undefined },
): readonly string[] | undefined {
  const file = files.find(({ name }) => name === compose?.file);
  if (compose === undefined || file === undefined) return undefined;
  const path = file.install === undefined ? join(dir, 'files', file.name) : onHost(session, file.install);
  return activationCommand({ project: compose.project, files: [path, ...(override === undefined ? [] : [override])] });
}
