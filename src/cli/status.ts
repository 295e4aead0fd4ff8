/** `ferry status`: what is installed here, and what wants a person. Changes nothing. */
import type { Command } from 'commander';
import type { SiteStatus } from '../install/index.ts';
import { engineOf } from './engine.ts';
import { alignColumns, formatUntil } from './format.ts';
import { type SiteOptions, stateOf, withJSON, withState } from './options.ts';
import type { Session } from './session.ts';

const EXAMPLES = `
The status is 10 when a person should look.

Examples:
  $ ferry status
  $ ferry status --json`;

/** Declares the command. */
export function addStatus(program: Command, session: Session): void {
  const command = program
    .command('status')
    .summary('what is here, and what wants a person')
    .description('Shows the installed release, its images as they are now, and how long the catalogue holds.');
  withJSON(withState(command))
    .addHelpText('after', EXAMPLES)
    .action((options: SiteOptions) => runStatus(session, options));
}

async function runStatus(session: Session, options: SiteOptions): Promise<void> {
  const { siteStatus } = await import('../install/index.ts');
  const found = await siteStatus({
    stateDir: stateOf(session, options),
    engine: engineOf(session),
    now: session.now,
  });
  const exit = found.attention.length > 0 ? 10 : 0;
  session.finish({ fields: { ...found, exit }, lines: statusLines(found, session.now), exit });
}

function statusLines(found: SiteStatus, now: Date): string[] {
  const { images, attention } = found;
  return [
    headline(found),
    ...alignColumns(
      images.map(({ name, found: state }) => [state, name]),
      '  ',
    ),
    ...alignColumns(trustRows(found, now)),
    ...attention.map((line) => `! ${line}`),
  ];
}

function headline({ product, release, sequence, installed }: SiteStatus): string {
  if (release === undefined) return 'no release is installed';
  const when = installed === undefined ? '' : `, installed ${installed.slice(0, 10)}`;
  return `${product} ${release} (sequence ${sequence})${when}`;
}

function trustRows({ site, root, catalogue }: SiteStatus, now: Date): string[][] {
  const rows: string[][] = [];
  if (site !== undefined) rows.push(['site', site]);
  if (root) rows.push(['root', `${root.version}, ${root.confirmed ? 'compared' : 'not compared'} with the sheet`]);
  if (catalogue) rows.push(['catalogue', `${catalogue.version}, issued ${catalogue.issued.slice(0, 10)}`]);
  if (catalogue) rows.push(['importable until', formatUntil(new Date(catalogue.expires), now)]);
  return rows;
}
