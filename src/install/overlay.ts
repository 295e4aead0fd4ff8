/**
 * The import of an overlay: the files of one site alone, a renewed licence or certificate. They go where the installed
 * release says, or where they say themselves. There is no new release, so no receipt: the audit log has the line.
 */

import { parseReleaseDocument, productFolders } from '../manifest/index.ts';
import { installFiles } from './destination.ts';
import { fileSteps, planFiles } from './file-steps.ts';
import { proveMedium, provenEntry } from './medium.ts';
import type { ImportResult } from './result.ts';
import { fileNeeds, importedFiles, prefixOf, type Session, sitesFor } from './session.ts';
import { lookAtSpace, spaceFindings } from './space.ts';
import { runSteps } from './step.ts';

/** Imports the site files that a session's bundle carries. @throws as `importBundle` */
export async function importOverlay(session: Session): Promise<ImportResult> {
  const { bundle, reader, known, accepted, options, findings } = session;
  const { sites } = await proveMedium(bundle);
  const current = await reader?.findCurrentRelease();
  const release = current && parseReleaseDocument(current.document);
  const product = known.product ?? sites[0]?.siteFiles.product ?? '';
  const { documents, warnings } = sitesFor(session, sites, product);
  const wanted = installFiles({ product, release, hasReleaseFiles: false, sites: documents });
  const plan = await planFiles(wanted, { prefix: prefixOf(session), folders: productFolders(product) });
  try {
    const room = await lookAtSpace(fileNeeds(session, plan));
    findings.add(...spaceFindings(room.places));
    findings.throwAny();
    const steps = fileSteps(plan, (file) => provenEntry(bundle, file.entry, file));
    const left: string[] = [];
    if (session.state !== undefined && steps !== undefined) {
      await runSteps([steps.stage, steps.switch], { signal: options.signal, onWarning: (line) => left.push(line) });
    }
    return {
      kind: 'overlay',
      action: options.dryRun ? 'planned' : steps === undefined ? 'present' : 'installed',
      product,
      images: [],
      files: importedFiles(session, plan),
      bytesRead: 0,
      bytesTotal: 0,
      ...(session.engine && { engine: session.engine.facts }),
      importableUntil: accepted.effective.expires,
      warnings: [...accepted.warnings, ...warnings, ...room.warnings, ...ignored(session, sites), ...left],
    };
  } finally {
    await plan.tree.close();
  }
}

function ignored({ identity }: Session, sites: readonly { readonly site: string }[]): readonly string[] {
  const others = sites.filter(({ site }) => site !== 'any' && site !== identity?.site);
  return others.map(({ site }) => `these files are for site ${site}, and this is ${identity?.site ?? 'no site yet'}`);
}
