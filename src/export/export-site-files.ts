/**
 * `ferry export --only-site-files`: licences and certificates anew, without images. No registry is asked and no release numbered; the
 * catalogue lists the new site files, and each site gets its overlay. An interrupted export of the release stays as it is.
 */
import { importableUntil } from '../trust/index.ts';
import { publish } from '../workspace/index.ts';
import { ExportError } from './error.ts';
import { atOffice } from './office.ts';
import type { ExportOptions, SiteFilesResult } from './options.ts';
import { writeOverlays } from './overlays.ts';
import { makeSiteContents, proposalsOf } from './site-content.ts';

/**
 * Exports the files of sites alone; of `any`, unsealed, where no site is named.
 * @throws {ExportError} `NOTHING_TO_EXPORT`; and what the parts of {@link exportRelease} without images throw
 */
export async function exportSiteFiles(options: ExportOptions): Promise<SiteFilesResult> {
  return atOffice(options, async ({ workspace, source, outDir, stem, progress }) => {
    const { manifest } = source;
    const { signal } = options;
    const { sites, warnings } = await makeSiteContents(workspace, manifest, options);
    if (sites.length === 0) throw nothing(options);
    signal?.throwIfAborted();
    progress.phase('sign');
    const signed = await publish(workspace, { sites: proposalsOf(manifest.product, sites) });
    progress.phase('overlays');
    const places = { product: manifest.product, outDir, exports: workspace.paths.exports, stem };
    const written = await writeOverlays(sites, signed, { ...places, now: workspace.options.now, signal });
    return {
      overlays: written.map(({ overlay }) => overlay),
      sites: written,
      catalogue: signed.view.timestamp.version,
      importableUntil: importableUntil(signed.chain),
      action: written.some(({ action }) => action === 'written') ? 'written' : 'unchanged',
      warnings: [...signed.warnings, ...warnings],
    };
  });
}

function nothing({ manifestPath }: ExportOptions): ExportError {
  return new ExportError(`export ${manifestPath}: expected a licence or a certificate for a site, got none`, {
    code: 'NOTHING_TO_EXPORT',
  });
}
