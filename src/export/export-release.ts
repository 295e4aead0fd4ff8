/**
 * `ferry export` (DESIGN 8): resolve, sign, journal what was signed, lay out, fetch every blob straight into its place,
 * prove, rename. A run that was killed is run again: it goes on from the journal to the same file.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { moveNew, syncDirectory } from '../content/index.ts';
import type { RegistryClient } from '../registry/index.ts';
import { openRegistry } from '../registry/index.ts';
import { readChain } from '../trust/index.ts';
import { ensureChunkList, writeChunkList } from './chunks.ts';
import type { DocumentCache } from './document-cache.ts';
import { openDocumentCache } from './document-cache.ts';
import { measureFiles } from './files.ts';
import { resolvedImage, resolveImages } from './images.ts';
import type { Journal, JournalFiles, SignedParts } from './journal.ts';
import { findJournal, removeJournal, writeJournal } from './journal.ts';
import type { Office } from './office.ts';
import { atOffice } from './office.ts';
import type { ExportOptions, ExportResult } from './options.ts';
import { writeOverlays } from './overlays.ts';
import { checkPlace, partialPath } from './place.ts';
import { isThere, proveMetadata } from './prove.ts';
import { resultOf } from './result.ts';
import type { Content } from './sign.ts';
import { isStillTrue, signContent } from './sign.ts';
import type { SiteContents } from './site-content.ts';
import { isInBundle, makeSiteContents } from './site-content.ts';
import { planRelease, writePartial } from './write.ts';

/** One run, with all that its steps share. */
interface Run extends Office {
  readonly options: ExportOptions;
  readonly registry: RegistryClient;
  readonly cache: DocumentCache;
  readonly files: JournalFiles;
  /** Bytes from registries so far. */
  downloaded: number;
}

/**
 * Exports a release.
 * @throws {ContentError} `LOCKED` when another export of this manifest runs, `NO_SPACE`, `FAT_LIMIT`, `NAME_TAKEN`;
 *   {ExportError}, {ManifestError}, {WorkspaceError}, {RegistryError}, {HTTPError}, {OciError}; the signal's reason.
 *   What was fetched stays for the next run.
 */
export async function exportRelease(options: ExportOptions): Promise<ExportResult> {
  return atOffice(options, async (office) => {
    const { paths } = office.workspace;
    const registry = openRegistry(registryOptions(options));
    const cache = await openDocumentCache(paths.blobs);
    const at = (suffix: string) => join(paths.exports, `${office.stem}.${suffix}`);
    const files = { journal: at('journal.json'), done: at('done') };
    try {
      return await run({ ...office, options, registry, cache, files, downloaded: 0 });
    } finally {
      await registry.close();
      await cache.close();
    }
  });
}

async function run(state: Run): Promise<ExportResult> {
  const { workspace, source, options, progress } = state;
  const journal = await openJournal(state);
  const given = await makeSiteContents(workspace, source.manifest, options);
  const content = await resolveContent(state, journal, given);
  options.signal?.throwIfAborted();
  progress.phase('sign');
  const { signed, warnings, resumed } = await signedOf(state, content, journal);
  const bundle = await makeBundle(state, { content, signed, journal, resumed });
  const overlays = await makeOverlays(state, { content, signed });
  await discard(state, await findJournal(state.files));
  return resultOf({
    ...{ content, signed, overlays, ...bundle },
    warnings: [...warnings, ...given.warnings],
    downloaded: state.downloaded,
  });
}

interface Signed {
  readonly content: Content;
  readonly signed: SignedParts;
}

interface Resumable extends Signed {
  readonly journal: Journal | undefined;
  /** Whether what is signed is what the journal has. */
  readonly resumed: boolean;
}

async function makeBundle(state: Run, { content, signed, journal, resumed }: Resumable) {
  const { workspace, outDir, stem, options, progress, registry, files } = state;
  const { product } = content.manifest;
  const plan = planRelease(content, signed);
  const name = bundleFileName(product, signed);
  const path = join(outDir, name);
  const proof = { product, now: options.now, progress };
  if (await isThere(path, { plan, signed, signal: options.signal, ...proof })) {
    await ensureChunkList(path, plan.size);
    return { plan, path, action: 'unchanged' as const };
  }
  const partial = await partialPath(workspace.paths.exports, { outDir, stem, name });
  const isResumed = journal?.partial === partial;
  if (!isResumed) await clear(state, journal, partial);
  await checkPlace({ outDir, partial }, { path, size: plan.size });
  if (!isResumed || !resumed) await begin(state, { content, signed, partial });
  const onDownload = countInto(state);
  const prove = () => proveMetadata(partial, proof);
  const hashes = await writePartial({ registry, options, files, plan, partial, content, isResumed, onDownload, prove });
  await moveNew(partial, path);
  await syncDirectory(outDir);
  await writeChunkList(path, plan.size, hashes);
  return { plan, path, action: 'written' as const };
}

/** After the bundle, and before its journal goes: a run that is killed among them goes on with the same names. */
async function makeOverlays({ workspace, outDir, stem, options, progress }: Run, { content, signed }: Signed) {
  const sites = content.sites.filter((site) => !isInBundle(site));
  if (sites.length === 0) return [];
  progress.phase('overlays');
  const { product } = content.manifest;
  const { now, signal } = options;
  return writeOverlays(sites, signed, { product, outDir, exports: workspace.paths.exports, stem, now, signal });
}

/** The journal of an interrupted run of this very manifest; any other is discarded with its partial. */
async function openJournal(state: Run): Promise<Journal | undefined> {
  const journal = await findJournal(state.files);
  if (journal === undefined) return undefined;
  if (!state.options.fresh && journal.key === state.source.key) {
    state.progress.note('going on with the export that was interrupted');
    return journal;
  }
  await discard(state, journal);
  return undefined;
}

async function discard({ files }: Run, journal: Journal | undefined): Promise<void> {
  if (journal !== undefined) await rm(journal.partial, { force: true });
  await removeJournal(files);
}

async function resolveContent(
  state: Run,
  journal: Journal | undefined,
  { sites }: Pick<SiteContents, 'sites'>,
): Promise<Content> {
  const { registry, cache, progress, options } = state;
  const { manifest } = state.source;
  const [images, measured] = await Promise.all([
    resolveImages(manifest, { registry, cache, progress, onDownload: countInto(state), known: journal?.images }),
    measureFiles(manifest, options),
  ]);
  return { manifest, images, measured, sites };
}

async function signedOf({ workspace, options }: Run, content: Content, journal: Journal | undefined) {
  if (journal !== undefined && (await isStillTrue(workspace, content, journal.signed))) {
    return { signed: journal.signed, warnings: [], resumed: true };
  }
  const revokeFormer = options.revokeFormer ?? false;
  return { ...(await signContent(workspace, content, { revokeFormer })), resumed: false };
}

/** What former runs left makes room before it is asked how much there is. */
async function clear(state: Run, former: Journal | undefined, partial: string): Promise<void> {
  await discard(state, former);
  await rm(partial, { force: true });
}

/** From here on a run that is killed can be continued; one that was refused for lack of room has left nothing. */
async function begin(
  state: Run,
  { content, signed, partial }: { content: Content; signed: SignedParts; partial: string },
): Promise<void> {
  const images = content.images.map(resolvedImage);
  await writeJournal(state.files, { key: state.source.key, images, signed, partial });
}

function countInto(state: Run): (bytes: number) => void {
  return (bytes) => {
    state.downloaded += bytes;
  };
}

/** FORMAT §1: `<product>-<release>-<sequence>-<catalogue>.ferry.tar`. */
function bundleFileName(product: string, { chain, release }: SignedParts): string {
  const catalogue = readChain(chain).timestamp.version;
  return `${product}-${release.release}-${release.sequence}-${catalogue}.ferry.tar`;
}

function registryOptions({
  mirrors,
  plainHTTP,
  caPEM,
  clientCert,
  concurrency,
  env = {},
  signal,
  progress,
}: ExportOptions) {
  return {
    env,
    onRetry: (why: string) => progress?.note(why),
    ...(mirrors && { mirrors }),
    ...(plainHTTP && { plainHTTP }),
    ...(caPEM !== undefined && { caPEM }),
    ...(clientCert && { clientCert }),
    ...(concurrency !== undefined && { concurrency }),
    ...(signal && { signal }),
  };
}
