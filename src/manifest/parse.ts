/**
 * Reads a release manifest: YAML to the shape of `schema.ts`, then the rules that span fields. Each fault is named with
 * the line it stands on. Pure: it opens none of the files that the manifest names.
 */
import type { Platform, Reference } from '../oci/index.ts';
import { bundleName, OciError, parsePlatform, parseReference } from '../oci/index.ts';
import { checkRules, ferryFileName, lastPart } from './rules.ts';
import type { ManifestSource, Reload, Requirement } from './schema.ts';
import { manifestSchema } from './schema.ts';
import type { YamlSource } from './yaml.ts';
import { readYaml } from './yaml.ts';

/** A file that travels with the release. */
export interface ManifestFile {
  readonly name: string;
  /** As written: relative to the manifest. */
  readonly from: string;
  readonly install?: string;
  /** Four octal digits. */
  readonly mode: string;
}

/** The licence. Exactly one of `from` and `url`. */
export interface ManifestLicense {
  readonly name: string;
  readonly from?: string;
  readonly url?: string;
  readonly tokenEnv?: string;
  readonly install: string;
  readonly mode: string;
  readonly graceDays?: number;
  readonly publicKey?: string;
}

/** An executable of ferry that travels with the release. */
export interface ManifestFerry {
  readonly name: string;
  readonly from: string;
  readonly platform: Platform;
  readonly version?: string;
}

/** An image as the manifest names it; `name` is the one it has in the bundle. */
export interface ManifestImage {
  readonly reference: Reference;
  readonly name: string;
}

/** What a release carries. Every path and name has been checked against FORMAT. */
export interface ReleaseManifest {
  readonly product: string;
  /** May hold `{date}`: then `dated` is true. */
  readonly release: string;
  readonly dated: boolean;
  readonly platforms: readonly Platform[];
  readonly images: readonly ManifestImage[];
  readonly files: readonly ManifestFile[];
  readonly ferry: readonly ManifestFerry[];
  readonly license?: ManifestLicense;
  readonly tls?: { readonly dir: string; readonly names: readonly string[]; readonly reload?: Reload };
  readonly compose?: NonNullable<ManifestSource['compose']>;
  readonly upgradeFrom?: string;
  readonly dataRollback?: 'safe' | 'restore' | 'none';
  readonly requirements?: readonly Requirement[];
  readonly changes?: readonly string[];
}

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
