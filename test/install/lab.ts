/**
 * A site in a temporary folder and an office in memory: releases are made of images made in memory, written as true
 * bundles onto a "medium", and imported into a real engine. Nothing of the machine outside the folder is touched.
 */

import { lstat, mkdir, mkdtemp, open, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type BundleFile, type BundleSite, openBundle, planBundle, writeBundle } from '../../src/bundle/index.ts';
import { connectEngine, type Engine } from '../../src/docker/index.ts';
import { type ImportOptions, type ImportResult, importBundle, pinRoot } from '../../src/install/index.ts';
import { indexJSON, manifestJSON } from '../../src/layout/index.ts';
import { releaseImage } from '../../src/manifest/index.ts';
import { digestOf, type ImageClosure, imageClosure, parsePlatform } from '../../src/oci/index.ts';
import { findSiteIdentity, isWhole, type WholeIdentity } from '../../src/site/index.ts';
import { findState } from '../../src/state/index.ts';
import { type Chain, fingerprint } from '../../src/trust/index.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import type { TestImage } from '../support/images.ts';
import { createPublisher, type PublishedRelease, type Publisher, type PublisherOptions } from '../support/publisher.ts';

/** A file to carry. */
export interface LabFile {
  readonly name: string;
  readonly text: string;
  /** In place of the text: what was sealed is none. */
  readonly bytes?: Uint8Array;
  readonly install?: string;
  readonly mode?: string;
  /** It is an executable of ferry. */
  readonly ferry?: { readonly version: string; readonly platform: string };
}

/** A file of a site. */
export interface LabSiteFile extends LabFile {
  /** @default 'file' */
  readonly role?: string;
  readonly sealed?: boolean;
}

/** A release to make. */
export interface LabRelease {
  readonly release: string;
  readonly images?: readonly TestImage[];
  readonly files?: readonly LabFile[];
  /** Files for any site, or by site. */
  readonly sites?: Readonly<
    Record<string, readonly (LabFile & { readonly role?: string; readonly sealed?: boolean })[]>
  >;
  readonly platforms?: readonly string[];
  /** More fields of release.json. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** A release on the medium. */
export interface LabBundle {
  readonly path: string;
  readonly published: PublishedRelease;
  /** Writes the same release again under the catalogue of now. */
  rewrite(): Promise<string>;
}

export interface Lab {
  readonly dir: string;
  readonly medium: string;
  readonly stateDir: string;
  readonly prefix: string;
  readonly publisher: Publisher;
  readonly connect: () => Promise<Engine>;
  /** Makes a release and writes it onto the medium. */
  release(options: LabRelease): Promise<LabBundle>;
  /** Writes a catalogue file. @param chain instead of the publisher's own */
  catalogue(name?: string, chain?: Chain): Promise<string>;
  /** Writes an overlay with files of one site. */
  overlay(site: string, files: readonly LabSiteFile[]): Promise<string>;
  trust(): Promise<void>;
  /** Who the site is, once it trusts the office. */
  identity(): Promise<WholeIdentity>;
  import(path: string, options?: Partial<ImportOptions>): Promise<ImportResult>;
  remove(): Promise<void>;
}

/** The instant at which all of a lab happens. */
export const NOW = new Date('2026-11-23T12:00:00Z');

/** Makes an office and a site that knows nothing yet. */
export async function createLab(engine: TestEngine, options: PublisherOptions = {}): Promise<Lab> {
  const publisher = await createPublisher({ now: NOW, ...options });
  const dir = await mkdtemp(join(tmpdir(), 'ferry-install-'));
  const medium = join(dir, 'medium');
  const prefix = join(dir, 'prefix');
  await mkdir(medium);
  await mkdir(prefix);
  const connect = () => connectEngine({ env: { DOCKER_HOST: engine.host } });
  const stateDir = join(dir, 'state');
  const lab = { dir, medium, stateDir, prefix, publisher, connect };
  return {
    ...lab,
    release: (made) => makeRelease(lab, made),
    catalogue: async (name = 'catalogue', chain = publisher.chain) => {
      const path = join(medium, `${publisher.product}-${name}-${publisher.versions.timestamp}.ferry.tar`);
      return write(path, { chain }, new Map());
    },
    overlay: async (site, files) => {
      const { site: made, bytes } = await makeSite(publisher, site, files);
      const path = join(medium, `${publisher.product}-${site}-${publisher.versions.timestamp}.ferry.tar`);
      return write(path, { chain: publisher.chain, sites: [made] }, bytes);
    },
    trust: async () => {
      await pinRoot({ stateDir, root: publisher.root, fingerprint: fingerprint(publisher.root).hex, now: NOW });
    },
    identity: async () => {
      const state = await findState(stateDir);
      const identity = state && (await findSiteIdentity(state));
      if (!isWhole(identity)) throw new Error('expected a site with a whole identity');
      return identity;
    },
    import: (path, more = {}) => importBundle({ path, stateDir, prefix, engine: connect, now: NOW, ...more }),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** The journal of an import that was cut off when names were about to move. */
export const CUT_OFF = {
  id: '0123456789ab',
  command: 'import',
  title: 'import atrium 2.0.0 (sequence 2)',
  prefix: '/',
  started: NOW.toISOString(),
  steps: [{ kind: 'tags', name: 'move names', data: {} }],
  at: 0,
  direction: 'forward',
};

/**
 * Gives a test file its engine, and each test a site that trusts the office; both are gone afterwards.
 * @param take is told of them before each test
 */
export function useSite(take: (made: { readonly engine: TestEngine; readonly lab: Lab }) => void): void {
  let engine: TestEngine;
  let lab: Lab;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine?.stop());
  beforeEach(async () => {
    lab = await createLab(engine);
    await lab.trust();
    take({ engine, lab });
  });
  afterEach(async () => {
    await emptyEngine(engine);
    await lab.remove();
  });
}

async function makeRelease(
  lab: Pick<Lab, 'medium' | 'publisher'>,
  { release, images = [], files = [], sites = {}, platforms = ['linux/amd64'], fields = {} }: LabRelease,
): Promise<LabBundle> {
  const { publisher, medium } = lab;
  const closures = await Promise.all(images.map((image) => closureOf(image, platforms)));
  const measured = (bytes: Uint8Array) => ({ digest: digestOf(bytes), size: bytes.length });
  const bytes = new Map<string, Buffer>(images.flatMap((image) => [...image.blobs]));
  for (const file of files) bytes.set(bundleFile(file).digest, bodyOf(file));
  const madeSites: BundleSite[] = [];
  for (const [site, theirs] of Object.entries(sites)) {
    const made = await makeSite(publisher, site, theirs);
    madeSites.push(made.site);
    for (const [digest, body] of made.bytes) bytes.set(digest, body);
  }
  const published = await publisher.release(release, {
    platforms,
    index: measured(indexJSON(closures)),
    manifestJSON: measured(manifestJSON(closures)),
    images: closures.map(releaseImage),
    files: files.map((file) => ({
      ...bundleFile(file),
      mode: file.mode ?? '0644',
      ...(file.install && { install: file.install }),
      ...(file.ferry && { ferry: file.ferry }),
    })),
    ...fields,
  });
  const rewrite = () => {
    const { product, chain, versions } = publisher;
    const path = join(medium, `${product}-${release}-${published.sequence}-${versions.timestamp}.ferry.tar`);
    const parts = { chain, release: published.bytes, images: closures, files: files.map(bundleFile), sites: madeSites };
    return write(path, parts, bytes);
  };
  return { path: await rewrite(), published, rewrite };
}

async function makeSite(
  publisher: Publisher,
  site: string,
  files: readonly LabSiteFile[],
): Promise<{ site: BundleSite; bytes: Map<string, Buffer> }> {
  const document = await publisher.siteFiles(site, {
    files: files.map((file) => ({
      ...bundleFile(file),
      role: file.role ?? 'file',
      sealed: file.sealed ?? false,
      mode: file.mode ?? '0644',
      ...(file.install && { install: file.install }),
    })),
  });
  const bytes = new Map(files.map((file) => [bundleFile(file).digest as string, bodyOf(file)]));
  return { site: { site, document, files: files.map(bundleFile) }, bytes };
}

function closureOf(image: TestImage, platforms: readonly string[]): Promise<ImageClosure> {
  const bytesOf = (digest: string) => image.blobs.get(digest) ?? Buffer.of();
  return imageClosure({
    name: image.name,
    target: { descriptor: image.target, bytes: bytesOf(image.target.digest) },
    platforms: platforms.map(parsePlatform),
    fetch: async ({ digest }) => bytesOf(digest),
  });
}

/** What is carried of a file. */
function bodyOf({ text, bytes = Buffer.from(text) }: LabFile): Buffer {
  return Buffer.from(bytes);
}

function bundleFile(file: LabFile): BundleFile {
  const { name } = file;
  const bytes = bodyOf(file);
  return { name, size: bytes.length, digest: digestOf(bytes) };
}

async function write(
  path: string,
  parts: Parameters<typeof planBundle>[0],
  bytes: ReadonlyMap<string, Buffer>,
): Promise<string> {
  async function* body(digest: string): AsyncGenerator<Uint8Array> {
    yield bytes.get(digest) ?? Buffer.of();
  }
  await writeBundle(planBundle(parts), {
    path,
    fetchBlob: ({ digest }) => body(digest),
    openFile: ({ digest }) => body(digest),
  });
  return path;
}

/** Every name in the engine, sorted; `<none>:<none>` for an image without. */
export async function tagsOf(engine: TestEngine): Promise<string[]> {
  const lines = await engine.docker('images', '--format', '{{.Repository}}:{{.Tag}}');
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
}

/** The image behind a name. */
export function idOf(engine: TestEngine, name: string): Promise<string> {
  return engine.docker('inspect', '--format', '{{.Id}}', name);
}

/** All containers but the pins of releases that are kept: what an import may not leave. */
export async function strayContainers(engine: TestEngine): Promise<string[]> {
  const lines = await engine.docker('ps', '-a', '--format', '{{.ID}} {{.Image}} {{.Labels}}');
  return lines.split('\n').filter((line) => line !== '' && !line.includes('ferry.pin=release '));
}

/** Removes all containers and images: the engine is as if new. */
export async function emptyEngine(engine: TestEngine): Promise<void> {
  const containers = await engine.docker('ps', '-aq');
  if (containers !== '') await engine.docker('rm', '-f', ...containers.split('\n'));
  const images = await engine.docker('images', '-aq');
  if (images !== '') await engine.docker('rmi', '-f', ...new Set(images.split('\n')));
}

/** All that an import could leave: images with their names, containers, files with mode and bytes, releases. */
export async function snapshot(engine: TestEngine, { prefix, stateDir }: Lab): Promise<unknown> {
  const images = await engine.docker('images', '-a', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}');
  return {
    images: images.split('\n').toSorted(),
    containers: await engine.docker('ps', '-aq'),
    files: await treeOf(prefix),
    releases: await treeOf(join(stateDir, 'releases')),
    spool: await treeOf(join(stateDir, '.spool')),
  };
}

async function treeOf(dir: string): Promise<string[]> {
  const lines: string[] = [];
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    const what = entry.isFile() ? await readFile(path, 'utf8') : entry.isSymbolicLink() ? await readlink(path) : '';
    lines.push(`${path.slice(dir.length)} ${mode.toString(8)} ${what}`);
  }
  return lines.toSorted();
}

/** Changes one byte in the middle of an entry, by its name or digest. */
export async function flip(path: string, name: string): Promise<void> {
  const bundle = await openBundle(path);
  const entry = bundle.find(name);
  await bundle.close();
  if (entry === undefined) throw new Error(`expected ${name} in ${path}`);
  const file = await open(path, 'r+');
  const at = entry.dataOffset + Math.floor(entry.size / 2);
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
  buffer[0] = (buffer[0] ?? 0) ^ 1;
  await file.write(buffer, 0, 1, at);
  await file.close();
}
