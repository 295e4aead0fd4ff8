/**
 * Reads a release manifest: YAML to the shape of `schema.ts`, then the rules that span fields. Each fault is named with
 * the line it stands on. Pure: it opens none of the files that the manifest names.
 */
import { bundleName, OciError, parsePlatform, parseReference } from '../oci/index.ts';
import type { ManifestFile, ManifestImage, ManifestLicense, ReleaseManifest } from './release-manifest.ts';
import { readRequirement } from './requirement.ts';
import { checkRules, ferryFileName, lastPart } from './rules.ts';
import type { ManifestSource } from './schema.ts';
import { manifestSchema } from './schema.ts';
import type { YamlSource } from './yaml.ts';
import { readYaml } from './yaml.ts';

export interface ParseManifestOptions {
  /** The manifest's path, for messages. */
  readonly path: string;
}

/**
 * Reads a release manifest.
 * @throws {ManifestError} `MANIFEST_YAML`, `MANIFEST_VALUE` or `DESTINATION_REFUSED`, with `path:line` in the message.
 */
export function parseReleaseManifest(text: string, { path }: ParseManifestOptions): ReleaseManifest {
  const yaml = readYaml(text, path);
  const parsed = manifestSchema.safeParse(yaml.value);
  if (!parsed.success) throw yaml.schemaError(parsed.error.issues);
  const source = parsed.data;
  const manifest = {
    ...source,
    dated: source.release.includes('{date}'),
    platforms: source.platforms.map((entry, at) => readAt(yaml, ['platforms', at], () => parsePlatform(entry))),
    images: source.images.map((entry, at) => readAt(yaml, ['images', at], () => readImage(entry))),
    files: (source.files ?? []).map(readFile),
    ferry: (source.ferry ?? []).map((entry, at) => ({
      ...entry,
      name: ferryFileName(entry),
      platform: readAt(yaml, ['ferry', at, 'platform'], () => parsePlatform(entry.platform)),
    })),
    ...(source.license === undefined ? {} : { license: readLicense(source.license) }),
    requirements: source.requirements?.map((entry, at) =>
      readRequirement(entry, {
        images: source.images,
        fault: (key, problem) => yaml.error(['requirements', at, key], problem),
      }),
    ),
  };
  const read = withoutUndefined(manifest) as unknown as ReleaseManifest;
  checkRules(read, yaml);
  return read;
}

function readImage(entry: string): ManifestImage {
  const reference = parseReference(entry);
  return { reference, name: bundleName(reference) };
}

function readFile(file: NonNullable<ManifestSource['files']>[number]): ManifestFile {
  return {
    ...withoutUndefined(file),
    name: file.name ?? lastPart(file.from),
    mode: file.mode ?? '0644',
  } as ManifestFile;
}

function readLicense(license: NonNullable<ManifestSource['license']>): ManifestLicense {
  const name = license.name ?? lastPart(license.from ?? license.install);
  return { ...withoutUndefined(license), name, mode: license.mode ?? '0644' } as ManifestLicense;
}

/** A fault in a value that another room reads is named with its line here. */
function readAt<T>(yaml: YamlSource, path: readonly PropertyKey[], read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw yaml.error(path, error.message.replace(/^read (reference|platform):? ?/, ''), { cause: error });
  }
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
