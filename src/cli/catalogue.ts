/** `ferry catalogue …`: the signed list of what may be installed; seen, shortened, and written as a small file. */
import type { Command } from 'commander';
import { alignColumns, formatUntil } from './format.ts';
import { openOffice } from './keys.ts';
import { type OfficeOptions, withExamples, withJSON, withOffice } from './options.ts';
import type { Session } from './session.ts';

interface CatalogueOptions extends OfficeOptions {
  readonly out: string;
}

const EXAMPLES = `
A catalogue file is a few kilobytes. \`ferry import\` of it at a site renews what expires, and tells of revoked releases
and changed keys.

Examples:
  $ ferry catalogue list --workspace ./office
  $ ferry catalogue revoke 2.1.0+7 --workspace ./office
  $ ferry catalogue export --out /media/stick --workspace ./office`;

/** Declares the commands. */
export function addCatalogue(program: Command, session: Session): void {
  const catalogue = program
    .command('catalogue')
    .alias('catalog')
    .summary('list and revoke releases; write the catalogue by itself')
    .description('The signed list of what sites may install.')
    .addHelpText('after', EXAMPLES);
  const declare = (name: string, description: string, example: string) =>
    withExamples(withOffice(withJSON(catalogue.command(name).description(description))), [
      `catalogue ${example} --workspace ./office`,
    ]);
  declare('list', 'Every release that was ever numbered, oldest first.', 'list').action((options: CatalogueOptions) =>
    runList(session, options),
  );
  declare('revoke', 'Takes a release back: sites that learn of it do not install it any more.', 'revoke 2.1.0+7')
    .argument('<release>', 'as listed: 2.1.0, 2.1.0+7 or the sequence')
    .action((release: string, options: CatalogueOptions) => runRevoke(session, release, options));
  declare('export', 'Writes the catalogue as a bundle of its own, a few kilobytes.', 'export --out /media/stick')
    .requiredOption('--out <dir>', 'folder for the file')
    .action((options: CatalogueOptions) => runExport(session, options));
}

async function runList(session: Session, options: CatalogueOptions): Promise<void> {
  const { listCatalogue } = await import('../workspace/index.ts');
  const releases = await listCatalogue(await openOffice(session, options));
  const rows = releases.map(({ sequence, shown, state, issued }) => [`${sequence}`, shown, state, issued.slice(0, 10)]);
  session.finish({ fields: { releases }, lines: rows.length > 0 ? alignColumns(rows) : ['no release yet'] });
}

async function runRevoke(session: Session, name: string, options: CatalogueOptions): Promise<void> {
  const { revokeRelease } = await import('../workspace/index.ts');
  const { release, published } = await revokeRelease(await openOffice(session, options), name);
  const { importableUntil, warnings } = published;
  session.warn(warnings);
  session.finish({
    fields: { ...release, catalogue: published.view.timestamp.version, importableUntil, warnings },
    lines: [
      `revoked ${release.shown} (sequence ${release.sequence}); catalogue ${published.view.timestamp.version}`,
      'Sites learn it from the next bundle, or from a file of `ferry catalogue export`.',
    ],
  });
}

async function runExport(session: Session, options: CatalogueOptions): Promise<void> {
  const { exportCatalogue } = await import('../export/index.ts');
  const done = await exportCatalogue(await openOffice(session, options), { outDir: session.path(options.out) });
  session.warn(done.warnings);
  session.finish({
    fields: { ...done },
    lines: alignColumns([
      ['catalogue', `${done.catalogue}`],
      ['file', done.path],
      ['importable until', formatUntil(done.importableUntil, session.now)],
    ]),
  });
}
