/**
 * Site overlays (FORMAT §1): for each site a small tar with the catalogue and its files. Each is written as a partial,
 * proven as the site will, and appears by rename; one that is there already, with the same bytes, stays. The folder is
 * synced once, after the last.
 */
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { inParallel, planBundle, writeBundle } from '../bundle/index.ts';
import { findFileBounded, moveNew, readFileBounded, syncDirectory } from '../content/index.ts';
import type { Chain } from '../trust/index.ts';
import { readChain } from '../trust/index.ts';
import type { PublishedSite } from '../workspace/index.ts';
import type { ExportedSite } from './options.ts';
import { canRename } from './place.ts';
import { proveAlike } from './prove.ts';
import { type SiteContent, shownOf } from './site-content.ts';

export interface OverlayOptions {
  readonly product: string;
  readonly outDir: string;
  /** The workspace's `exports/`, for partials. */
  readonly exports: string;
  /** Names the files of this manifest's runs there. */
  readonly stem: string;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
}

/** What is signed about the sites. */
export interface SignedSites {
  readonly chain: Chain;
  readonly sites: readonly PublishedSite[];
}

/** Overlays under way at once: most of the time the disk is waited for. */
const CONCURRENCY = 8;
const MAX_OVERLAY_BYTES = 256 * 1024 ** 2;

/**
 * Writes an overlay for each of these sites.
 * @returns them in the order of `sites`
 * @throws {ContentError} `NAME_TAKEN`, `NO_SPACE`, `READ_ONLY`, `NOT_WRITABLE`; {TrustError}, {BundleError}; the signal's reason
 */
export async function writeOverlays(
  sites: readonly SiteContent[],
  signed: SignedSites,
  options: OverlayOptions,
): Promise<readonly ExportedSite[]> {
  if (sites.length === 0) return [];
  const { outDir, exports, stem, product, signal } = options;
  const partials = (await canRename(exports, { outDir, stem })) ? join(exports, `${stem}.`) : join(outDir, `.${stem}.`);
  await tidy(partials);
  const catalogue = readChain(signed.chain).timestamp.version;
  const prove = proveAlike(options);
  const done = new Map<SiteContent, ExportedSite>();
  await inParallel(sites, { concurrency: CONCURRENCY, signal }, async (content) => {
    const { site, name } = content;
    const file = `${product}-${site}-${catalogue}.ferry.tar`;
    const path = join(outDir, file);
    const action = await writeOverlay(content, signed, { partial: `${partials}${site}.partial`, path, prove });
    done.set(content, { site, name, overlay: path, action, ...shownOf(content) });
  });
  await syncDirectory(outDir);
  return sites.flatMap((content) => done.get(content) ?? []);
}

/** What a run that was killed left of sites that may be none of this one. */
async function tidy(partials: string): Promise<void> {
  const [folder, prefix] = [dirname(partials), basename(partials)];
  const left = (await readdir(folder)).filter(
    (name) => name.startsWith(prefix) && /^(?:[0-9a-f]{16}|any)\.partial$/.test(name.slice(prefix.length)),
  );
  await Promise.all(left.map((name) => rm(join(folder, name), { force: true })));
}

interface OverlayPlace {
  readonly partial: string;
  readonly path: string;
  /** @throws what makes it none */
  readonly prove: (path: string) => Promise<void>;
}

async function writeOverlay(
  { site, files, bytes }: SiteContent,
  { chain, sites }: SignedSites,
  { partial, path, prove }: OverlayPlace,
): Promise<ExportedSite['action']> {
  const document = sites.find((other) => other.site === site)?.bytes;
  if (document === undefined) throw new TypeError(`expected signed site files of ${site}`);
  const plan = planBundle({
    chain,
    sites: [{ site, document, files: files.map(({ name, size, digest }) => ({ name, size, digest })) }],
  });
  try {
    await writeBundle(plan, { path: partial, fetchBlob: nothing, openFile: ({ name }) => once(bytes.get(name)) });
    await prove(partial);
    const there = await findFileBounded(path, { max: MAX_OVERLAY_BYTES });
    if (there?.equals(await readFileBounded(partial, { max: MAX_OVERLAY_BYTES }))) return 'unchanged';
    await moveNew(partial, path);
    return 'written';
  } finally {
    await rm(partial, { force: true });
  }
}

async function* once(bytes: Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  if (bytes === undefined) throw new TypeError('expected the bytes of a site file');
  yield bytes;
}

function nothing(): never {
  throw new TypeError('an overlay has no blobs');
}
