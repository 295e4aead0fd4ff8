/**
 * The import of an overlay: the files of one site alone, a renewed licence or certificate. They go where the installed
 * release says, or where they say themselves. There is no new release, so no receipt: the audit log has the line.
 */

import { parseReleaseDocument, type SiteFiles } from '../../manifest/index.ts';
import { installFiles } from '../files/destination.ts';
import { type FilePlan, planFiles } from '../files/file-plan.ts';
import { editFindings } from '../files/local-edit.ts';
import { planSwitch } from '../files/switch-plan.ts';
import { findInstalled } from '../kept/installed.ts';
import { proveMedium } from '../look/medium.ts';
import { grantedFolders } from '../policy.ts';
import { installed } from '../steps/installed.ts';
import { stageFiles } from '../steps/stage.ts';
import { switchFiles } from '../steps/switch.ts';
import { filesAfter, wantedFiles } from './becoming.ts';
import { describePlan } from './dry-run.ts';
import { runImport } from './import-transaction.ts';
import { overridesOf } from './overrides.ts';
import type { ImportResult } from './result.ts';
import { fileNeeds, importedFiles, ownOf, prefixOf, type Session, sitesFor } from './session.ts';
import { lookAtSpace, spaceFindings } from './space.ts';

/** Imports the site files that a session's bundle carries. @throws as `importBundle` */
export async function importOverlay(session: Session): Promise<ImportResult> {
  const { bundle, known, options, findings } = session;
  const { sites } = await proveMedium(bundle);
  const product = known.product ?? sites[0]?.siteFiles.product ?? '';
  const { documents, warnings } = sitesFor(session, sites, product);
  const plan = await planOverlay(session, product, documents);
  try {
    findings.add(...editFindings(plan.edits));
    const room = await lookAtSpace(fileNeeds(session, plan));
    findings.add(...spaceFindings(room.places));
    findings.throwAny();
    const done = await install(session, plan, product);
    const said = [warnings, plan.warnings, room.warnings, ignored(session, sites), done?.warnings ?? []].flat();
    return {
      ...describe(session, plan, said),
      action: options.dryRun ? 'planned' : done === undefined ? 'present' : 'installed',
      product,
      ...(options.dryRun && { plan: await describePlan(session, { files: plan, space: room.places }) }),
      ...(done?.outcome.recreate && { recreate: done.outcome.recreate }),
    };
  } finally {
    await plan.tree.close();
  }
}

/** Which files go where, by the installed release and by what stands there. */
async function planOverlay(session: Session, product: string, sites: readonly SiteFiles[]): Promise<FilePlan> {
  const { reader, options, findings } = session;
  const current = await reader?.findCurrentRelease();
  const release = current && parseReleaseDocument(current.document);
  const folders = grantedFolders(product, session.policy);
  const wanted = installFiles({ product, release, hasReleaseFiles: false, sites, folders, own: ownOf(session) });
  // never as a first import: no rollback goes back over an overlay, so what it finds could not be brought back
  const last = (await findInstalled(reader, (await reader?.findCurrentSequence()) ?? 0)) ?? { files: [] };
  const { keepLocal, replace } = options;
  const onRefusal = (error: unknown) => findings.add(error);
  return planFiles(wanted, { prefix: prefixOf(session), folders, last, keepLocal, replace, onRefusal });
}

function describe(
  session: Session,
  plan: FilePlan,
  warnings: readonly string[],
): Omit<ImportResult, 'action' | 'product'> {
  return {
    kind: 'overlay',
    images: [],
    files: importedFiles(session, plan),
    bytesRead: 0,
    bytesTotal: 0,
    ...(session.engine && { engine: session.engine.facts }),
    importableUntil: session.accepted.effective.expires,
    warnings: [...session.accepted.warnings, ...warnings],
  };
}

/** Installs what is to be changed; `undefined` where that is nothing, or nothing may be. */
async function install(session: Session, plan: FilePlan, product: string) {
  const { state, options } = session;
  const change = await planSwitch(wantedFiles(plan), plan.tree);
  if (state === undefined) return undefined;
  // there is no receipt to say it, and what cannot be written down is not done
  for (const { flag, reason } of overridesOf(options, { isDowngrade: false, files: plan })) {
    await state.appendAudit({ event: 'override', at: options.now, facts: { flag, reason } });
  }
  if (change === undefined) return undefined;
  const sequence = (await state.findCurrentSequence()) ?? 0;
  const before = await findInstalled(state, sequence);
  const after = { sequence, tags: before?.tags ?? [], files: filesAfter(plan, before?.files) };
  const steps = [stageFiles(change), switchFiles(change), installed({ sequence, before: before ?? null, after })];
  return runImport(session, {
    state,
    tree: plan.tree,
    steps: steps.filter((step) => step !== undefined),
    title: `import the files of this site`,
    product,
    line: { kind: 'overlay', action: 'installed' },
    plans: [],
  });
}

function ignored({ identity }: Session, sites: readonly { readonly site: string }[]): readonly string[] {
  const others = sites.filter(({ site }) => site !== 'any' && site !== identity?.site);
  return others.map(({ site }) => `these files are for site ${site}, and this is ${identity?.site ?? 'no site yet'}`);
}
