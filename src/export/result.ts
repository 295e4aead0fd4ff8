/** What an export answers, from what it came to. Pure. */
import type { BundlePlan } from '../bundle/index.ts';
import { formatPlatform } from '../oci/index.ts';
import { importableUntil } from '../trust/index.ts';
import type { SignedParts } from './journal.ts';
import type { ExportedImage, ExportedSite, ExportResult, ShownSite } from './options.ts';
import type { Content } from './sign.ts';
import { isInBundle, shownOf } from './site-content.ts';

/** What a run came to. */
export interface Done {
  readonly content: Content;
  readonly signed: SignedParts;
  readonly plan: BundlePlan;
  readonly path: string;
  readonly overlays: readonly ExportedSite[];
  readonly warnings: readonly string[];
  /** Of the bundle. */
  readonly action: ExportResult['action'];
  readonly downloaded: number;
}

/** The answer of an export. */
export function resultOf({ content, signed, plan, path, overlays, warnings, action, downloaded }: Done): ExportResult {
  const own = content.sites.find(isInBundle);
  const isAllThere = overlays.every((overlay) => overlay.action === 'unchanged');
  return {
    bundle: path,
    overlays: overlays.map(({ overlay }) => overlay),
    sites: overlays,
    ...(own && told(shownOf(own))),
    release: signed.release.shown,
    sequence: signed.release.sequence,
    importableUntil: importableUntil(signed.chain),
    images: content.images.map(exportedImage),
    bytes: plan.size,
    downloaded,
    action: isAllThere ? action : 'written',
    warnings,
  };
}

function told({ certificate, ...license }: ShownSite): Pick<ExportResult, 'license' | 'certificate'> {
  return { license, ...(certificate && { certificate }) };
}

function exportedImage({ name, target, platforms, documents, blobs }: Content['images'][number]): ExportedImage {
  const all = [...documents.map(({ descriptor }) => descriptor), ...blobs];
  return {
    name,
    digest: target.digest,
    platforms: platforms.map(({ platform }) => formatPlatform(platform)),
    size: all.reduce((sum, { size }) => sum + size, 0),
  };
}
