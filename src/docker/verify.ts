/**
 * Never believe the stream: what an engine holds is held to what was signed. The ID is a digest over the config
 * (classic, podman) or the target (containerd); diffIDs and platform are what the engine itself makes of it.
 */
import { isPlatformMatch, parseImageConfig } from '../oci/index.ts';
import { DockerError } from './error.ts';
import type { Connection, EngineFacts } from './facts.ts';
import { documentOf, type EngineImage } from './image.ts';
import { type EngineReport, findImage, isWhole } from './inventory.ts';
import { expectedID, isSameList } from './plan.ts';

/** @throws {DockerError} `IMAGE_MISMATCH` when the engine does not have exactly this image */
export async function verifyImage(connection: Connection, image: EngineImage): Promise<void> {
  const { facts } = connection;
  const report = await findImage(connection, expectedID(facts, image));
  const difference = report === undefined ? 'no such image' : findDifference(facts, image, report);
  if (difference === undefined) return;
  const expected = `${expectedID(facts, image)} as it was signed`;
  throw new DockerError(
    `verify image ${image.name} in engine at ${facts.socket}: expected ${expected}, got ${difference}`,
    {
      code: 'IMAGE_MISMATCH',
      facts: { image: image.name, engine: facts.socket, ...(report === undefined && { gone: true }) },
    },
  );
}

/** What is not as signed, in words; `undefined` when all is. */
export function findDifference(facts: EngineFacts, image: EngineImage, report: EngineReport): string | undefined {
  const { manifest, config, diffIDs } = image.platform;
  const id = expectedID(facts, image);
  if (report.id !== id) return `image ID ${report.id ?? 'of no known form'}`;
  if (!isSameList(report.diffIDs, diffIDs)) return `other layers: ${report.diffIDs.join(' ') || 'none'}`;
  const built = parseImageConfig(documentOf(image, config.digest).bytes).platform;
  const variant = report.variant === '' ? {} : { variant: report.variant };
  const reported = { os: report.os, architecture: report.architecture, ...variant };
  if (!isPlatformMatch(built, reported) && !isPlatformMatch(reported, built)) {
    return `platform ${report.os}/${report.architecture}`;
  }
  if (facts.store !== 'containerd') return undefined;
  const { wholeManifests } = report;
  const held = { ...report, id, ...(wholeManifests ? { wholeManifests } : {}) };
  return isWhole(held, { target: id, manifest: manifest.digest }) ? undefined : 'an image with layers missing';
}
