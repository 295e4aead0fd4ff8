/**
 * Before the first change of a release's import: may it be installed, is the tar what it says, what is missing here, is
 * there room. All that is refused for is refused here. FORMAT §2, §3.
 */

import { readBounded } from '../content/index.ts';
import { engineImage } from '../docker/index.ts';
import { parseReleaseDocument, productFolders, type ReleaseDocument } from '../manifest/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { StoredRelease } from '../state/index.ts';
import { type AcceptedRelease, acceptRelease } from '../trust/index.ts';
import { composeOverride } from './compose.ts';
import { installFiles } from './destination.ts';
import { type FilePlan, planFiles } from './file-steps.ts';
import { type EnginePlan, knownImages, planImages } from './image-plan.ts';
import { proveMedium, provenEntry } from './medium.ts';
import type { ReceiptImage } from './receipt.ts';
import { keptFiles } from './record.ts';
import { fileNeeds, prefixOf, type ReleaseSession, sitesFor } from './session.ts';
import { checkSpace, engineNeeds } from './space.ts';

const MAX_COMPOSE_BYTES = 1024 * 1024;

/** All that is known before the first change. */
export interface ReleasePlan {
  readonly release: ReleaseDocument;
  readonly document: Buffer;
  readonly listed: AcceptedRelease;
  readonly current: StoredRelease | undefined;
  readonly engine: EnginePlan;
  readonly files: FilePlan;
  readonly override: string | undefined;
  readonly warnings: readonly string[];
}

export async function planRelease(session: ReleaseSession): Promise<ReleasePlan> {
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
  const contents = await proveMedium(bundle, release);
  const images = contents.images.map((image) => engineImage(image, session.engine.facts));
  const sites = sitesFor(session, contents.sites, release.product);
  const wanted = { product: release.product, release, hasReleaseFiles: true, sites: sites.documents };
  const current = await reader?.findCurrentRelease();
  const installed = current === undefined ? [] : knownImages(parseReleaseDocument(current.document));
  const engine = await planImages(session.engine, images, [...knownImages(release), ...installed]);
  const override = await overrideOf(session, release, engine);
  const folders = productFolders(release.product);
  const files = await planFiles(installFiles(wanted), { prefix: prefixOf(session), folders });
  const plan = { release, document, listed, current, engine, files, override };
  const space = await roomFor(session, plan).catch(async (error: unknown) => {
    await files.tree.close();
    throw error;
  });
  return { ...plan, warnings: [...accepted.warnings, ...sites.warnings, ...space] };
}

async function overrideOf(
  session: ReleaseSession,
  release: ReleaseDocument,
  { plans }: EnginePlan,
): Promise<string | undefined> {
  const file = release.files.find(({ name }) => name === release.compose?.file);
  if (file === undefined) return undefined;
  const source = provenEntry(session.bundle, `files/${file.name}`, file);
  const bytes = await readBounded(source, { max: MAX_COMPOSE_BYTES, what: file.name });
  const imageIDs = new Map(plans.map(({ image, imageID }) => [image.name, imageID]));
  return composeOverride(bytes, { release, facts: session.engine.facts, imageIDs });
}

/** Refuses what would not fit, before anything is changed. */
async function roomFor(session: ReleaseSession, plan: Omit<ReleasePlan, 'warnings'>): Promise<string[]> {
  if (isDone(plan)) return []; // a full disk is no reason to refuse what is there
  const { release, engine, files } = plan;
  const { bundle, options } = session;
  const { facts } = session.engine;
  const { needs, warnings } = await engineNeeds(engine.plans, { bundle, facts, spoolDir: options.stateDir });
  const kept = keptFiles(release).reduce((total, { size }) => total + size, 0);
  const own = [...fileNeeds(session, files), { path: options.stateDir, bytes: kept, what: 'files' }];
  return [...warnings, ...(await checkSpace([...needs, ...own]))];
}

/** Whether this very release is installed here and all of it is in its place. */
export function isDone({ current, document, engine, files }: Omit<ReleasePlan, 'warnings'>): boolean {
  return (
    current !== undefined &&
    document.equals(current.document) &&
    engine.plans.every(({ action, tag }) => action === 'present' && !tag) &&
    files.files.every(({ action }) => action === 'same')
  );
}

export function imagesOf({ engine }: ReleasePlan): readonly ReceiptImage[] {
  const loads = new Set(engine.plans.filter(({ action }) => action === 'load').map(({ imageID }) => imageID));
  return engine.plans.map(({ image, imageID }) => ({
    name: image.name,
    action: loads.has(imageID) ? 'loaded' : 'present',
    imageID,
  }));
}

/** Bytes of layers that have to be read. */
export function bytesOf({ engine }: ReleasePlan): number {
  return engine.plans.reduce((total, { bytes }) => total + bytes, 0);
}

export function totalBytes({ engine }: ReleasePlan): number {
  const layers = new Map<string, Descriptor>();
  for (const { image } of engine.plans) for (const layer of image.platform.layers) layers.set(layer.digest, layer);
  return [...layers.values()].reduce((total, { size }) => total + size, 0);
}
