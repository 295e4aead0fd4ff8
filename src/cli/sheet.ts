/** `ferry sheet`: the approval sheet of a release, one page of paper. */
import type { Command } from 'commander';
import { fingerprintRows } from './fingerprint.ts';
import { alignColumns, formatUntil } from './format.ts';
import { readOfficeRoot } from './office-root.ts';
import { type CommonOptions, withExamples, withJSON, workspaceOf } from './options.ts';
import type { Session } from './session.ts';
import { BUILD_TIME } from './version.ts';

interface SheetOptions extends CommonOptions {
  readonly out: string;
  readonly workspace?: string;
}

/** Declares the command. */
export function addSheet(program: Command, session: Session): void {
  const command = program
    .command('sheet')
    .summary('the approval sheet of a release, for paper')
    .description(
      'Writes one page (HTML) with what a person at the site compares: the fingerprint in words and digits, the SHA-256 of the executables, the release and what is in it, until when it can be imported. The fingerprint is that of the root of this workspace, so the bundle must be from it. Print it, sign it, and let it travel another way than the stick.',
    )
    .argument('<bundle>', 'the bundle, or the folder that holds it')
    .requiredOption('--out <file>', 'where the page is written')
    .option('--workspace <dir>', 'the workspace (FERRY_WORKSPACE)');
  withExamples(withJSON(command), ['sheet /mnt --out sheet.html --workspace ./office']).action(
    (bundle: string, options: SheetOptions) => runSheet(session, bundle, options),
  );
}

async function runSheet(session: Session, bundle: string, options: SheetOptions): Promise<void> {
  const officeRoot = await readOfficeRoot(session, workspaceOf(session, options));
  const { findBundle } = await import('../install/index.ts');
  const { readReleaseFacts } = await import('../media/index.ts');
  const { sheetHTML } = await import('../report/index.ts');
  const { writeAtomic } = await import('../content/index.ts');
  const path = await findBundle(session.path(bundle));
  const facts = await readReleaseFacts({ bundle: path, officeRoot, now: session.now, buildTime: BUILD_TIME });
  const sheet = session.path(options.out);
  await writeAtomic(sheet, sheetHTML(facts));
  session.finish({
    fields: { sheet, ...facts },
    lines: [
      ...alignColumns([
        ['sheet', sheet],
        ['release', `${facts.product} ${facts.release} (sequence ${facts.sequence})`],
        ['importable until', formatUntil(facts.importableUntil, session.now)],
        ...fingerprintRows(facts.fingerprint),
      ]),
      'Print it, sign it, and let it travel another way than the stick.',
    ],
  });
}
