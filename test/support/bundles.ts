/**
 * Bundles for tests, made in memory or in a folder from generated images, with the real plan, writer and documents.
 * The trust metadata is a stand-in of the right form: nothing in it is signed. Same arguments, same bytes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BundleFile,
  type BundleParts,
  type BundlePlan,
  planBundle,
  type WriteBundleOptions,
  writeBundle,
} from '../../src/bundle/index.ts';
import { canonicalJSON } from '../../src/content/index.ts';
import { indexJSON, manifestJSON, padding, tarHeader } from '../../src/layout/index.ts';
import {
  parseReleaseManifest,
  type ReleaseDocument,
  releaseDocument,
  siteFilesDocument,
} from '../../src/manifest/index.ts';
import { type Descriptor, type Digest, type ImageClosure, imageClosure, parsePlatform } from '../../src/oci/index.ts';
import type { Chain } from '../../src/trust/index.ts';
import { type BuiltImage, sha256 } from './registry-images.ts';

/** Something of the form of a chain: `roots` root files, and the three roles in version `version`. */
export function standInChain({ roots = 2, version = 7 } = {}): Chain {
  const role = (type: string, number: number) =>
    canonicalJSON({ signatures: [], signed: { _type: type, version: number, spec_version: '1.0.31' } });
  return {
    roots: Array.from({ length: roots }, (_, at) => role('root', at + 1)),
    timestamp: role('timestamp', version),
    snapshot: role('snapshot', version + 1),
    targets: role('targets', version + 2),
  };
}

/** The closure of a generated image, derived by the rule from the image's own content. */
export function closureOf(name: string, image: BuiltImage, platforms = ['linux/amd64']): Promise<ImageClosure> {
  const contents = [...image.manifests, ...image.blobs];
  return imageClosure({
    name,
    target: image.target,
    platforms: platforms.map(parsePlatform),
    fetch: async ({ digest }) => {
      const found = contents.find(({ descriptor }) => descriptor.digest === digest);
      if (found === undefined) throw new Error(`image ${name} has no ${digest}`);
      return found.bytes;
    },
  });
}

export interface TestBundleSpec {
  /** By full name, in order. @default none */
  readonly images?: Readonly<Record<string, BuiltImage>>;
  /** @default ['linux/amd64'] */
  readonly platforms?: readonly string[];
  /** By name, under `files/`. @default none */
  readonly files?: Readonly<Record<string, Buffer>>;
  /** By siteID, then name. @default none */
  readonly sites?: Readonly<Record<string, Readonly<Record<string, Buffer>>>>;
  /** @default standInChain() */
  readonly chain?: Chain;
}

/** A bundle that could be written, with everything that the writer asks for. */
export interface TestBundle {
  readonly parts: BundleParts;
  readonly plan: BundlePlan;
  readonly release: ReleaseDocument;
  readonly sources: Pick<WriteBundleOptions, 'fetchBlob' | 'openFile'>;
  /** A blob or file by its digest. */
  content(digest: Digest): Buffer;
}

export async function testBundle(spec: TestBundleSpec = {}): Promise<TestBundle> {
  const { platforms = ['linux/amd64'], chain = standInChain() } = spec;
  const images = await Promise.all(
    Object.entries(spec.images ?? {}).map(([name, image]) => closureOf(name, image, [...platforms])),
  );
  const contents = new Map<Digest, Buffer>();
  for (const image of Object.values(spec.images ?? {})) {
    for (const { descriptor, bytes } of image.blobs) contents.set(descriptor.digest, bytes);
  }
  const asFiles = (files: Readonly<Record<string, Buffer>> = {}): BundleFile[] =>
    Object.entries(files).map(([name, bytes]) => {
      contents.set(sha256(bytes), bytes);
      return { name, size: bytes.length, digest: sha256(bytes) };
    });
  const files = asFiles(spec.files);
  const sites = Object.entries(spec.sites ?? {}).map(([site, named]) => siteOf(site, asFiles(named)));
  const release = releaseOf({ images, files, platforms });
  const parts: BundleParts = { chain, release: canonicalJSON(release), images, files, sites };
  const content = (digest: Digest) => {
    const bytes = contents.get(digest);
    if (bytes === undefined) throw new Error(`no content with ${digest}`);
    return bytes;
  };
  const sources = {
    fetchBlob: ({ digest }: Descriptor) => inChunks(content(digest)),
    openFile: ({ digest }: BundleFile) => inChunks(content(digest)),
  };
  return { parts, plan: planBundle(parts), release, sources, content };
}

/** Writes a bundle under this name into a folder. */
export async function writeTestBundle(
  directory: string,
  bundle: Pick<TestBundle, 'plan' | 'sources'>,
  name = 'test-1-1-7.ferry.tar',
): Promise<string> {
  const path = join(directory, name);
  await writeBundle(bundle.plan, { path, ...bundle.sources });
  return path;
}

/** A folder for one test file; `remove` takes it away. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'ferry-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Bytes as a network would give them: in chunks of their own of at most `size`. */
export async function* inChunks(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield Uint8Array.from(bytes.subarray(at, at + size));
}

/** An entry that is whatever a test says. */
export type RawEntry = readonly [name: string, bytes: Uint8Array];

/** Every entry of a bundle with its bytes, for a test to bend. */
export function rawEntries({ plan, content }: TestBundle): RawEntry[] {
  return plan.entries.map(({ name, source }) => {
    if (source.kind === 'bytes') return [name, source.bytes];
    return [name, content(source.kind === 'blob' ? source.descriptor.digest : source.file.digest)];
  });
}

/** The tar of these entries in our container's form, in this order. */
export function rawTar(entries: readonly RawEntry[]): Buffer {
  const blocks = entries.flatMap(([name, bytes]) => [
    tarHeader(name, bytes.length),
    bytes,
    Buffer.alloc(padding(bytes.length)),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function siteOf(site: string, files: readonly BundleFile[]) {
  const document = siteFilesDocument({
    product: 'test',
    site,
    issued: '2026-11-23T00:00:00Z',
    files: files.map((file) => ({ ...file, role: 'file' as const, sealed: false, mode: '0644' })),
  });
  return { site, document: canonicalJSON(document), files };
}

function releaseOf(options: {
  images: readonly ImageClosure[];
  files: readonly BundleFile[];
  platforms: readonly string[];
}): ReleaseDocument {
  // The manifest only gives what is not an image or a file; a manifest without images would be refused.
  const yaml = `product: test\nrelease: "1"\nplatforms: [${options.platforms.join(', ')}]\nimages: [localhost/unused:1]\n`;
  return releaseDocument({
    manifest: parseReleaseManifest(yaml, { path: 'test.yaml' }),
    images: options.images,
    index: indexJSON(options.images),
    manifestJSON: manifestJSON(options.images),
    files: options.files.map((file) => ({ ...file, mode: '0644' })),
    sequence: 1,
    issued: new Date('2026-11-23T00:00:00Z'),
  });
}
