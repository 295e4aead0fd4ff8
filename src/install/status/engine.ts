/** What the engine tells of a release: its images, its pins, the containers that run older ones. One line where it does not answer. */

import type { Engine, EngineContainer } from '../../docker/index.ts';
import { FerryError } from '../../errors.ts';
import { isSettled } from './activation.ts';
import { findOldContainers, type OldContainer } from './containers.ts';
import { type ExpectedImage, imageLines, lookAtImages, type StatusImage, unknownImages } from './images.ts';
import { lookAtPins, type PinnedRelease, pinLines, type StatusPins } from './pins.ts';
import type { InstalledRelease, KeptRelease } from './release.ts';

/** The part of a status that needs an engine. */
export interface EngineStatus {
  readonly images: readonly StatusImage[];
  readonly pins?: readonly StatusPins[];
  readonly oldContainers?: readonly OldContainer[];
  /** Whether an activation that failed is over: what was to run runs. */
  readonly isActivationSettled?: boolean;
  readonly lines: readonly string[];
}

export interface LookInEngineOptions {
  readonly connect: () => Promise<Engine>;
  readonly site: string;
  readonly release: InstalledRelease | undefined;
}

/** Asks for everything; an engine that does not answer, or stops to, is a line. */
export async function lookInEngine({ connect, site, release }: LookInEngineOptions): Promise<EngineStatus> {
  const images = release === undefined ? [] : imagesOf(release);
  let engine: Engine | undefined;
  try {
    engine = await connect();
    return release === undefined ? { images: [], lines: [] } : await look(engine, { site, release, images });
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    return { images: unknownImages(images), lines: [`the engine cannot be asked: ${error.message}`] };
  } finally {
    engine?.close();
  }
}

interface LookOptions {
  readonly site: string;
  readonly release: InstalledRelease;
  readonly images: readonly ExpectedImage[];
}

async function look(engine: Engine, { site, release, images }: LookOptions): Promise<EngineStatus> {
  const looked = await lookAtImages(images, engine);
  const pinned = pinnedReleases(release);
  const pins = await lookAtPins(pinned, { engine, site });
  const isAsked = release.document?.compose !== undefined || release.activation?.result === 'failed';
  const containers = isAsked ? await engine.containers() : [];
  const oldContainers = oldContainersOf(containers, release, images);
  // what was here before ferry has names, but no receipt of images
  const ids = new Set([...images, ...tagged(release)].map(({ imageID }) => imageID));
  const revoked = release.others.filter(({ isRevoked }) => isRevoked);
  return {
    images: looked,
    pins,
    oldContainers,
    isActivationSettled: release.activation !== undefined && isSettled(release.activation, containers, ids),
    lines: [
      ...imageLines(looked),
      ...pinLines(pins, { releases: pinned, current: release.sequence }),
      ...revokedLines(oldContainers, revoked),
    ],
  };
}

/** As the receipt says, which is signed; of a release without a readable one, as the state says. */
function imagesOf({ sequence, receipt, installed }: InstalledRelease): readonly ExpectedImage[] {
  if (sequence === 0) return [];
  return receipt?.images ?? tagged({ installed });
}

function tagged({
  installed,
}: {
  readonly installed?: KeptRelease['installed'] | undefined;
}): readonly ExpectedImage[] {
  return (installed?.tags ?? []).flatMap(({ name, imageID }) => (imageID === null ? [] : [{ name, imageID }]));
}

/** The installed one and the one to go back to; not what an older ferry installed, which pinned nothing. */
function pinnedReleases(release: InstalledRelease): readonly PinnedRelease[] {
  const { sequence, shown, installed, previous } = release;
  return [
    ...(installed === undefined || sequence === 0 ? [] : [{ sequence, shown, images: imagesOf(release) }]),
    ...(previous === undefined
      ? []
      : [{ sequence: previous.sequence, shown: previous.shown, images: tagged(previous) }]),
  ];
}

function oldContainersOf(
  containers: readonly EngineContainer[],
  { document, others }: InstalledRelease,
  images: readonly ExpectedImage[],
): readonly OldContainer[] {
  const project = document?.compose?.project;
  if (project === undefined) return [];
  const ids = new Map(others.map((other) => [other.sequence, tagged(other).map(({ imageID }) => imageID)]));
  return findOldContainers(containers, { project, images, others: ids });
}

function revokedLines(containers: readonly OldContainer[], revoked: readonly KeptRelease[]): readonly string[] {
  return revoked.flatMap(({ sequence, shown }) => {
    const names = containers.filter((container) => container.sequence === sequence).map(({ container }) => container);
    return names.length === 0
      ? []
      : [`${names.join(', ')}: still running ${shown}, which is revoked: start the installed release`];
  });
}
