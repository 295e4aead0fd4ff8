/**
 * The import of a release as data, in order: what is here is written down, the release's folder is drafted, files are
 * written beside their places, so is ferry itself, images are held and loaded; from there on all is proven and in: tags
 * move, files are switched, the release is recorded, run where that was asked for, and ferry linked. DESIGN decisions
 * 3 to 6.
 */

import { basename } from 'node:path';
import { digestOf } from '../../oci/index.ts';
import type { SiteState } from '../../state/index.ts';
import { raiseReleaseFloor } from '../../trust/index.ts';
import { planSwitch } from '../files/switch-plan.ts';
import { findInstalled, keptFiles, keptName } from '../kept/installed.ts';
import { planLeaving } from '../kept/leaving.ts';
import { DEFAULT_KEEP, findPrevious, keptInstalled } from '../kept/retention.ts';
import { findOperator, type ReceiptFacts, receiptEngine } from '../records/receipt.ts';
import { linkFerry } from '../steps/ferry.ts';
import { hold } from '../steps/hold.ts';
import { type KeepData, keep } from '../steps/keep.ts';
import { type LeaveData, leave } from '../steps/leave.ts';
import { load } from '../steps/load.ts';
import { placeFerry } from '../steps/place.ts';
import { record } from '../steps/record.ts';
import { stageFiles } from '../steps/stage.ts';
import type { Step } from '../steps/step.ts';
import { switchFiles } from '../steps/switch.ts';
import { moveTags } from '../steps/tags.ts';
import { aroundSwitch } from '../tls/around-switch.ts';
import { installedAfter, wantedFiles } from './becoming.ts';
import { receiptCertificate } from './certificate.ts';
import { ferryReceipt } from './ferry.ts';
import { overridesOf } from './overrides.ts';
import type { ReleasePlan } from './planned-release.ts';
import { imagesOf } from './release-figures.ts';
import { identityOf, importedFiles, type ReleaseSession } from './session.ts';
import { keepReplaced } from './site-steps.ts';

/** An import that may write. */
export type WritingSession = ReleaseSession & { readonly state: SiteState };

/** All steps of an import; looks at the site and changes nothing. */
export async function releaseSteps(session: WritingSession, plan: ReleasePlan): Promise<readonly Step[]> {
  const { state, engine } = session;
  const { sequence } = plan.release;
  const current = await state.findCurrentSequence();
  const from = current ?? 0;
  const before = await findInstalled(state, from);
  const kept = await keptInstalled(state);
  const { leaving, holding } = await leavingOf(session, plan, from);
  const files = await planSwitch(wantedFiles(plan.files), plan.files.tree);
  const replaced = from === sequence ? await keepReplaced(state, sequence, plan.files) : undefined;
  const installed = installedAfter(plan, { before, kept });
  const about = { engine, site: identityOf(session).site };
  const steps: readonly (Step | undefined)[] = [
    leaving,
    replaced,
    keep({ ...keepOf(plan, { installed, replaced }), releases: session.options.keep ?? DEFAULT_KEEP }),
    stageFiles(files),
    placeFerry(plan.ferry.change),
    holding && (await hold({ ...about, ...holding, lenders: [], holders: [] })),
    await hold({ ...about, sequence, ...heldBy(plan) }),
    await load({ ...about, sequence, plans: plan.engine.plans }),
    plan.activation?.backup,
    plan.activation?.containers,
    moveTags(movesOf(plan)),
    switchFiles(files),
    record({
      sequence,
      current: current ?? null,
      isNew: !(await state.listReleases()).includes(sequence),
      floor: floorOf(session, plan),
      receipt: await receiptOf(session, plan, from === sequence ? ((await findPrevious(state, from)) ?? 0) : from),
    }),
    plan.activation?.activate,
    linkFerry(plan.ferry.change),
  ];
  const made = steps.filter((step) => step !== undefined);
  return aroundSwitch(made, plan.certificate?.serve ?? {});
}

/** The steps where all of the release is here already, and is only to be run, or to bring its ferry. */
export function stepsBeside({ activation, ferry: { change } }: ReleasePlan): readonly Step[] {
  const steps = [placeFerry(change), activation?.backup, activation?.activate, linkFerry(change)];
  return steps.filter((step) => step !== undefined);
}

/** What is left for this release, and what holds its images; nothing where the same release is installed again. */
async function leavingOf(session: WritingSession, { release, files }: ReleasePlan, from: number) {
  if (from === release.sequence) return {};
  const names = release.images.map(({ name }) => name);
  const touched = files.files.map(({ file }) => file);
  const { state, engine } = session;
  const data = await planLeaving({ state, engine, tree: files.tree, sequence: from, names, files: touched });
  const images = data.after.tags.flatMap(({ imageID }) => imageID ?? []);
  return { leaving: leave(data), holding: { sequence: from, present: images } };
}

/** The folder of the same release is drafted anew: what was just kept in the old one goes along. */
function movedAlong(replaced: Step<LeaveData> | undefined): KeepData['files'] {
  return (replaced?.data.keep ?? []).map(({ digest, size }) => {
    const name = keptName(digest);
    return { name, digest, size, source: { stored: `releases/${replaced?.data.sequence}/${name}` } };
  });
}

function heldBy({ engine: { plans, holders } }: ReleasePlan) {
  const loads = plans.filter(({ action }) => action === 'load');
  const loaded = new Set(loads.map(({ imageID }) => imageID));
  return {
    // an image that is loaded first lends to the next one, and is held by its own pin
    lenders: loads.flatMap(({ lenders }) => lenders).filter((imageID) => !loaded.has(imageID)),
    holders: [...holders.values()].filter((holder) => holder !== undefined),
    present: plans.filter(({ imageID }) => !loaded.has(imageID)).map(({ imageID }) => imageID),
  };
}

function movesOf({ engine: { plans, holders } }: ReleasePlan) {
  const moving = plans.filter(({ tag }) => tag);
  return moving.map(({ image: { name }, imageID }) => ({ name, from: holders.get(name) ?? null, to: imageID }));
}

function keepOf(
  { release, document, override }: ReleasePlan,
  { installed, replaced }: Pick<KeepData, 'installed'> & { readonly replaced: Step<LeaveData> | undefined },
): Omit<KeepData, 'releases'> {
  const files = keptFiles(release).map(({ name, digest, size }) => ({
    name: `files/${name}`,
    digest,
    size,
    source: { entry: `files/${name}` },
  }));
  const own = {
    name: 'release.json',
    digest: digestOf(document),
    size: document.length,
    source: { entry: 'release.json' },
  };
  return {
    sequence: release.sequence,
    installed,
    ...(override !== undefined && { override: Buffer.from(override).toString('base64') }),
    files: [own, ...files, ...movedAlong(replaced)],
  };
}

function floorOf({ accepted }: WritingSession, { release }: ReleasePlan) {
  const before = accepted.next.floors.release ?? null;
  return { before, after: raiseReleaseFloor(accepted.next, release.sequence).floors.release ?? null };
}

async function receiptOf(session: WritingSession, plan: ReleasePlan, previous: number): Promise<ReceiptFacts> {
  const { accepted, engine, options } = session;
  const { product, release, sequence } = plan.release;
  const { floors } = raiseReleaseFloor(accepted.next, sequence);
  return {
    product,
    release,
    sequence,
    result: 'installed',
    started: options.now.toISOString(),
    engine: receiptEngine(engine.facts),
    images: imagesOf(plan),
    files: [...importedFiles(session, plan.files), ...ferryReceipt(plan.ferry)],
    floors: {
      release: floors.release ?? sequence,
      catalogue: accepted.effective.timestamp,
      root: accepted.effective.root,
    },
    overrides: overridesOf(options, {
      isDowngrade: plan.listed.isDowngrade,
      isShorter: plan.isShorter,
      hasFewerNames: plan.certificate?.tls.hasFewerNames,
      files: plan.files,
    }),
    previous,
    ...(plan.overlay !== undefined && { overlay: basename(plan.overlay) }),
    ...receiptCertificate(plan.certificate),
    operator: await findOperator(),
  };
}
