/**
 * `ferry export` (DESIGN 8): resolve, sign, journal what was signed, lay out, fetch every blob straight into its place,
 * prove, rename. A run that was killed is run again: it goes on from the journal to the same file.
 */
import { mkdir, realpath, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Progress } from '../content/index.ts';
import { acquireLock, moveNew, silentProgress, syncDirectory } from '../content/index.ts';
import { digestHex, digestOf } from '../oci/index.ts';
import type { RegistryClient } from '../registry/index.ts';
import { openRegistry } from '../registry/index.ts';
import { readChain } from '../trust/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { openWorkspace } from '../workspace/index.ts';
import { ensureChunkList, writeChunkList } from './chunks.ts';
import type { DocumentCache } from './document-cache.ts';
import { openDocumentCache } from './document-cache.ts';
import { measureFiles } from './files.ts';
import { resolvedImage, resolveImages } from './images.ts';
import type { Journal, JournalFiles, SignedParts } from './journal.ts';
import { findJournal, removeJournal, writeJournal } from './journal.ts';
import type { ExportOptions, ExportResult } from './options.ts';
import { checkPlace, openOut, partialPath } from './place.ts';
import { isThere, proveMetadata } from './prove.ts';
import { resultOf } from './result.ts';
import type { Content } from './sign.ts';
import { isStillTrue, signContent } from './sign.ts';
import type { Source } from './source.ts';
import { readSource } from './source.ts';
import { planRelease, writePartial } from './write.ts';

/** One run, with all that its steps share. */
interface Run {
  readonly options: ExportOptions;
  readonly workspace: Workspace;
  readonly source: Source;
  readonly registry: RegistryClient;
  readonly cache: DocumentCache;
  readonly progress: Progress;
  readonly outDir: string;
  /** Names the files of this manifest's runs in `exports/`. */
  readonly stem: string;
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
  const workspace = await openOffice(options);
  const source = await readSource(options, workspace.product);
  const outDir = resolve(options.outDir);
  await openOut(outDir);
  const { exports } = workspace.paths;
  await mkdir(exports, { recursive: true });
  const stem = await stemOf(options.manifestPath);
  const lock = await acquireLock(join(exports, `${stem}.lock`), { what: `the export of ${options.manifestPath}` });
  const registry = openRegistry(registryOptions(options));
  const cache = await openDocumentCache(workspace.paths.blobs);
  const files = { journal: join(exports, `${stem}.journal.json`), done: join(exports, `${stem}.done`) };
  const { progress = silentProgress } = options;
  try {
    return await run({ options, workspace, source, registry, cache, progress, outDir, stem, files, downloaded: 0 });
  } finally {
    await registry.close();
    await cache.close();
    await lock.release();
  }
}

async function run(state: Run): Promise<ExportResult> {
  const journal = await openJournal(state);
  const content = await resolveContent(state, journal);
  state.options.signal?.throwIfAborted();
  state.progress.phase('sign');
  const { signed, warnings, resumed } = await signedOf(state, content, journal);
  const plan = planRelease(content, signed);
  const name = bundleFileName(content.manifest.product, signed);
  const path = join(state.outDir, name);
  const done = { content, signed, plan, path, warnings };
  const proof = { product: content.manifest.product, now: state.options.now, progress: state.progress };
  if (await isThere(path, { plan, signed, signal: state.options.signal, ...proof })) {
    await ensureChunkList(path, plan.size);
    await discard(state, journal);
    return resultOf({ ...done, downloaded: state.downloaded, action: 'unchanged' });
  }
  const partial = await partialPath(state.workspace.paths.exports, { outDir: state.outDir, stem: state.stem, name });
  const isResumed = resumed && journal?.partial === partial;
  if (!isResumed) await clear(state, journal, partial);
  await checkPlace({ outDir: state.outDir, partial }, { path, size: plan.size });
  if (!isResumed) await begin(state, { content, signed, partial });
  const { registry, options, files } = state;
  const onDownload = countInto(state);
  const prove = () => proveMetadata(partial, proof);
  const hashes = await writePartial({ registry, options, files, plan, partial, content, isResumed, onDownload, prove });
  await moveNew(partial, path);
  await syncDirectory(state.outDir);
  await writeChunkList(path, plan.size, hashes);
  await removeJournal(state.files);
  return resultOf({ ...done, downloaded: state.downloaded, action: 'written' });
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

async function resolveContent(state: Run, journal: Journal | undefined): Promise<Content> {
  const { registry, cache, progress, options } = state;
  const { manifest } = state.source;
  const [images, measured] = await Promise.all([
    resolveImages(manifest, { registry, cache, progress, onDownload: countInto(state), known: journal?.images }),
    measureFiles(manifest, options),
  ]);
  return { manifest, images, measured };
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

async function openOffice({ workspace, passphrase, signerCommand, now, env }: ExportOptions): Promise<Workspace> {
  if (typeof workspace !== 'string') return workspace;
  return openWorkspace(workspace, { passphrase, signerCommand, now, env });
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

/** The manifest's name, and digits of its whole path: two of one name don't meet. */
async function stemOf(manifestPath: string): Promise<string> {
  const path = await realpath(manifestPath);
  const name = basename(path)
    .replace(/\.ya?ml$/, '')
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 64);
  return `${name}-${digestHex(digestOf(Buffer.from(path))).slice(0, 12)}`;
}
