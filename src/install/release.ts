/**
 * The import of a release: may it be installed, is the tar what it says, what is missing here, is there room; then the
 * steps in order: draft, hold, write files beside, load, move tags, switch files, record. FORMAT §2, §3; DESIGN 3 to 6.
 */

import { join } from 'node:path';
import { proveContents } from '../bundle/index.ts';
import { readBounded } from '../content/index.ts';
import { engineImage } from '../docker/index.ts';
import { parseReleaseDocument, productFolders, type ReleaseDocument } from '../manifest/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { StoredRelease } from '../state/index.ts';
import { type AcceptedRelease, acceptRelease } from '../trust/index.ts';
import { activationCommand, composeOverride, OVERRIDE } from './compose.ts';
import { installFiles } from './destination.ts';
import { type FilePlan, fileSteps, planFiles } from './file-steps.ts';
import { type EnginePlan, imageSteps, knownImages, planImages } from './image-steps.ts';
import type { Override, ReceiptImage } from './receipt.ts';
import { keptFiles, recordSteps } from './record.ts';
import type { ImportResult } from './result.ts';
import {
  fileNeeds,
  importedFiles,
  onHost,
  prefixOf,
  progressOf,
  provenEntry,
  type Session,
  sitesFor,
} from './session.ts';
import { checkSpace, engineNeeds } from './space.ts';
import { runSteps, type Step } from './step.ts';

const MAX_COMPOSE_BYTES = 1024 * 1024;

/** All that is known before the first change. */
interface ReleasePlan {
  readonly release: ReleaseDocument;
  readonly document: Buffer;
  readonly listed: AcceptedRelease;
  readonly current: StoredRelease | undefined;
  readonly engine: EnginePlan;
  readonly files: FilePlan;
  readonly override: string | undefined;
  readonly warnings: readonly string[];
}

/** Imports the release that a session's bundle carries. @throws as `importBundle` */
export async function importRelease(session: Session): Promise<ImportResult> {
  const plan = await planRelease(session);
  try {
    if (session.state === undefined) return describe(session, plan, { action: 'planned', bytesRead: bytesOf(plan) });
    if (isDone(plan)) return describe(session, plan, { action: 'present', bytesRead: 0 });
    return await apply(session, plan);
  } finally {
    await plan.files.tree.close();
  }
}

async function planRelease(session: Session): Promise<ReleasePlan> {
  const { bundle, accepted, known, options, reader } = session;
  const document = bundle.releaseBytes;
  if (document === undefined) throw new TypeError('expected a bundle with a release');
  const { product, releases } = known;
  const listed = acceptRelease(accepted, document, {
    allowDowngrade: options.allowDowngrade === true,
    known: releases,
    ...(product !== undefined && { product }),
  });
  const release = parseReleaseDocument(document);
  const contents = await proveContents(bundle, release);
  const images = contents.images.map((image) => engineImage(image, session.engine.facts));
  const sites = sitesFor(session, contents.sites, release.product);
  const wanted = { product: release.product, release, hasReleaseFiles: true, sites: sites.documents };
  const current = await reader?.findCurrentRelease();
  const installed = current === undefined ? [] : knownImages(parseReleaseDocument(current.document));
  const engine = await planImages(session.engine, images, [...knownImages(release), ...installed]);
  const override = await overrideOf(session, release);
  const folders = productFolders(release.product);
  const files = await planFiles(installFiles(wanted), { prefix: prefixOf(session), folders });
  const space = await roomFor(session, { release, engine, files }).catch(async (error: unknown) => {
    await files.tree.close();
    throw error;
  });
  const warnings = [...accepted.warnings, ...sites.warnings, ...space];
  return { release, document, listed, current, engine, files, override, warnings };
}

async function overrideOf(session: Session, release: ReleaseDocument): Promise<string | undefined> {
  const file = release.files.find(({ name }) => name === release.compose?.file);
  if (file === undefined) return undefined;
  const source = provenEntry(session.bundle, `files/${file.name}`, file);
  const bytes = await readBounded(source, { max: MAX_COMPOSE_BYTES, what: file.name });
  return composeOverride(bytes, { release, facts: session.engine.facts });
}

/** Refuses what would not fit, before anything is changed. */
async function roomFor(
  session: Session,
  { release, engine, files }: Pick<ReleasePlan, 'release' | 'engine' | 'files'>,
): Promise<string[]> {
  const { bundle, options } = session;
  const images = await engineNeeds(engine.plans, { bundle, facts: session.engine.facts, spoolDir: options.stateDir });
  const kept = keptFiles(release).reduce((total, { size }) => total + size, 0);
  return checkSpace([...images, ...fileNeeds(session, files), { path: options.stateDir, bytes: kept, what: 'files' }]);
}

/** Whether this very release is installed here and all of it is in its place. */
function isDone({ current, document, engine, files }: ReleasePlan): boolean {
  return (
    current !== undefined &&
    document.equals(current.document) &&
    engine.plans.every(({ action, tag }) => action === 'present' && !tag) &&
    files.files.every(({ action }) => action === 'same')
  );
}

async function apply(session: Session, plan: ReleasePlan): Promise<ImportResult> {
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
    ];
    await runSteps(steps, { signal: options.signal, onWarning: (line) => warnings.push(line) });
  } finally {
    await spool.remove();
  }
  await writeOverrides(session, plan);
  return describe(session, { ...plan, warnings: [...plan.warnings, ...warnings] }, { action: 'installed', bytesRead });
}

/** A rule that was set aside is in the receipt and in the log; one that was not needed is not. */
function overridesOf({ options }: Session, { listed }: ReleasePlan): readonly Override[] {
  return listed.isDowngrade ? [{ flag: '--allow-downgrade', reason: options.reason ?? '' }] : [];
}

async function writeOverrides(session: Session, plan: ReleasePlan): Promise<void> {
  for (const { flag, reason } of overridesOf(session, plan)) {
    const facts = { flag, reason, release: plan.release.release, sequence: plan.release.sequence };
    await session.state?.appendAudit({ event: 'override', at: session.options.now, facts });
  }
}

function imagesOf({ engine }: ReleasePlan): readonly ReceiptImage[] {
  const loads = new Set(engine.plans.filter(({ action }) => action === 'load').map(({ imageID }) => imageID));
  return engine.plans.map(({ image, imageID }) => ({
    name: image.name,
    action: loads.has(imageID) ? 'loaded' : 'present',
    imageID,
  }));
}

/** Bytes of layers that have to be read. */
function bytesOf({ engine }: ReleasePlan): number {
  return engine.plans.reduce((total, { bytes }) => total + bytes, 0);
}

function describe(
  session: Session,
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
  session: Session,
  { compose, files }: ReleaseDocument,
  { dir, override }: { readonly dir: string; readonly override: string | undefined },
): readonly string[] | undefined {
  const file = files.find(({ name }) => name === compose?.file);
  if (compose === undefined || file === undefined) return undefined;
  const path = file.install === undefined ? join(dir, 'files', file.name) : onHost(session, file.install);
  return activationCommand({ project: compose.project, files: [path, ...(override === undefined ? [] : [override])] });
}

function totalBytes({ engine }: ReleasePlan): number {
  const layers = new Map<string, Descriptor>();
  for (const { image } of engine.plans) for (const layer of image.platform.layers) layers.set(layer.digest, layer);
  return [...layers.values()].reduce((total, { size }) => total + size, 0);
}
