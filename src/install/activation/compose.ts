/**
 * From a release to the command that runs it. The classic store knows no digests of what was loaded, so services that
 * pin one get an override that names the tag instead, after the image behind it was proven (DESIGN "The engine",
 * docker-and-registries.md §2). Here the command is only put together, to be shown or compared.
 */

import { join } from 'node:path';
import type { EngineFacts } from '../../docker/index.ts';
import {
  type ComposeImage,
  formatComposeOverride,
  parseComposeImages,
  type ReleaseDocument,
} from '../../manifest/index.ts';
import { bundleName, type Digest, OciError, parseReference, type Reference, repositoryName } from '../../oci/index.ts';
import { hostPath } from '../files/host-path.ts';

/** The name of the override in the release's folder. */
export const OVERRIDE = 'compose.override.yaml';

export interface ComposeOverrideOptions {
  readonly release: ReleaseDocument;
  readonly facts: Pick<EngineFacts, 'store'>;
  /** The ID that each image of the release has in this engine, by name. */
  readonly imageIDs: ReadonlyMap<string, Digest>;
}

/**
 * The override for a release's compose file on this engine; `undefined` when none is needed.
 * @throws {ManifestError} `MANIFEST_YAML` when the compose file cannot be read.
 */
export function composeOverride(compose: Uint8Array, options: ComposeOverrideOptions): string | undefined {
  const services = parseComposeImages(compose).flatMap(({ service, image }): ComposeImage[] => {
    const reference = findReference(image);
    const name = reference && findCarried(reference, options.release);
    // a containerd store finds the digest of what it was given to name, and no other
    const isFound = name !== undefined && options.imageIDs.get(name) === reference?.digest;
    return name === undefined || (options.facts.store === 'containerd' && isFound) ? [] : [{ service, image: name }];
  });
  return services.length === 0 ? undefined : formatComposeOverride(services);
}

/** The name under which an image that is pinned by digest was carried: beside a digest an engine ignores the tag. */
function findCarried(reference: Reference, { images }: ReleaseDocument): string | undefined {
  const { digest } = reference;
  if (digest === undefined) return undefined;
  const repository = repositoryName(reference);
  const same = images.filter(
    (image) => digestsOf(image).has(digest) && repositoryName(parseReference(image.name)) === repository,
  );
  return (same.find(({ name }) => name === bundleName(reference)) ?? same[0])?.name;
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

export interface ReleaseCommandOptions {
  readonly prefix: string;
  /** The release's folder in the state. */
  readonly dir: string;
  /** Path of the override, where there is one. */
  readonly override?: string | undefined;
}

/** The words of the command that runs a release; `undefined` for one without a compose file. */
export function releaseCommand(
  release: Pick<ReleaseDocument, 'compose' | 'files'>,
  options: ReleaseCommandOptions,
): readonly string[] | undefined {
  const files = composeFiles(release, options);
  return files && activationCommand({ project: release.compose?.project ?? '', files });
}

/** The compose file of a release and its override, on this host; `undefined` for a release without one. */
export function composeFiles(
  { compose, files }: Pick<ReleaseDocument, 'compose' | 'files'>,
  { prefix, dir, override }: ReleaseCommandOptions,
): readonly string[] | undefined {
  const file = files.find(({ name }) => name === compose?.file);
  if (file === undefined) return undefined;
  const path = file.install === undefined ? join(dir, 'files', file.name) : hostPath(prefix, file.install);
  return [path, ...(override === undefined ? [] : [override])];
}
