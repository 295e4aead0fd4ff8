/**
 * From a release to the command that runs it. The classic store knows no digests of what was loaded, so services that
 * pin one get an override that names the tag instead, after the image behind it was proven (DESIGN "The engine",
 * docker-and-registries.md §2). Ferry prints the command and runs nothing.
 */

import type { EngineFacts } from '../docker/index.ts';
import {
  type ComposeImage,
  formatComposeOverride,
  parseComposeImages,
  type ReleaseDocument,
} from '../manifest/index.ts';
import { bundleName, OciError, parseReference, type Reference } from '../oci/index.ts';

/** The name of the override in the release's folder. */
export const OVERRIDE = 'compose.override.yaml';

/**
 * The override for a release's compose file on this engine; `undefined` when none is needed.
 * @throws {ManifestError} `MANIFEST_YAML` when the compose file cannot be read.
 */
export function composeOverride(
  compose: Uint8Array,
  { release, facts }: { readonly release: ReleaseDocument; readonly facts: EngineFacts },
): string | undefined {
  if (facts.store === 'containerd') return undefined;
  const digests = new Map(release.images.map((image) => [image.name, digestsOf(image)]));
  const services = parseComposeImages(compose).flatMap(({ service, image }): ComposeImage[] => {
    const reference = findReference(image);
    if (reference?.digest === undefined) return [];
    const name = bundleName(reference);
    // an image of another digest under this tag is not the one that was asked for
    return digests.get(name)?.has(reference.digest) ? [{ service, image: name }] : [];
  });
  return services.length === 0 ? undefined : formatComposeOverride(services);
}

/** The digests under which an image may be pinned: its index's and its manifests'. */
function digestsOf({ digest, platforms }: ReleaseDocument['images'][number]): ReadonlySet<string> {
  return new Set<string>([digest, ...platforms.map(({ manifest }) => manifest)]);
}

/** A variable, or a name without a registry, is none that we carried. */
function findReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

export interface ActivationOptions {
  readonly project: string;
  /** Paths on this host: the compose file, and the override where there is one. */
  readonly files: readonly string[];
}

/** The words of the command that brings the release up. */
export function activationCommand({ project, files }: ActivationOptions): readonly string[] {
  return [
    'docker',
    'compose',
    '--project-name',
    project,
    ...files.flatMap((file) => ['--file', file]),
    'up',
    '--detach',
  ];
}
