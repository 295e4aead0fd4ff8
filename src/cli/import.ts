/** `ferry import`: proves a bundle and loads what the engine lacks of it; all of it or nothing. */
import type { Command } from 'commander';
import { engineOf, typedCommand } from './engine.ts';
import { CliError } from './error.ts';
import { askFingerprint } from './fingerprint.ts';
import { importLines } from './import-lines.ts';
import { endLines, planQuestion } from './import-talk.ts';
import {
  overrideReason,
  prefixOf,
  type QuestionOptions,
  repeated,
  type SiteOptions,
  stateOf,
  wholeNumber,
  withJSON,
  withPrefix,
  withReason,
  withState,
  withYes,
} from './options.ts';
import { showReceipt } from './receipt.ts';
import { type ServingOptions, servingOf, withServing } from './serving.ts';
import type { Session } from './session.ts';
import { showCard } from './site.ts';
import { BUILD_TIME, VERSION } from './version.ts';

interface ImportOptions extends SiteOptions, QuestionOptions, ServingOptions {
  readonly fingerprint?: string;
  readonly dryRun?: boolean;
  readonly receiptOnMedium?: boolean;
  readonly cardOnMedium?: boolean;
  readonly activate?: boolean;
  readonly allowDowngrade?: boolean;
  readonly allowShorter?: boolean;
  readonly allowFewerNames?: boolean;
  readonly ferry?: boolean;
  readonly keep?: number;
  readonly keepLocal?: readonly string[];
  readonly replace?: readonly string[];
}

const EXAMPLES = `
The engine is the one of DOCKER_HOST, as Docker's own client reads it. On a site that trusts nobody yet the bundle's
root is pinned, after its fingerprint was compared with the approval sheet. At a terminal the plan is shown and asked
about once. Of a folder the one release is taken, and the overlay of this site and the newest catalogue file beside it.

Examples:
  $ ferry import /media/stick
  $ ferry import atrium-2.1.0-7-12.ferry.tar --dry-run
  $ ferry import atrium-2.1.0-7-12.ferry.tar --activate
  $ ferry import atrium-2.0.0-6-12.ferry.tar --allow-downgrade --reason "2.1.0 breaks the kiosk, ticket 4711"`;

/** Declares the command. */
export function addImport(program: Command, session: Session): void {
  const command = program
    .command('import')
    .summary('prove a bundle and load it into Docker')
    .description(
      'Proves BUNDLE, loads the images that the engine lacks, moves their tags together and installs the files. When anything fails, everything stands as before. A catalogue file renews what this site may install.',
    )
    .argument('<bundle>', 'the bundle; or the folder that holds it, with the overlay and the catalogue for this site')
    .option('--fingerprint <hex|words>', 'on a site that trusts nobody yet: compare with this instead of asking')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--activate', 'run the release with Docker Compose and wait until it is up; else go back, if its data can')
    .option('--allow-downgrade', 'install an older release than the present one')
    .option('--allow-shorter', 'take a licence or a certificate that ends sooner than the installed one')
    .option('--allow-fewer-names', 'take a certificate that is not for all names of the installed one')
    .option('--keep <n>', 'how many releases stay, this one included (default 2)', wholeNumber)
    .addOption(repeated('--keep-local <name>', 'leave a file as somebody changed it here'))
    .option('--no-ferry', 'leave ferry itself as it is here, though the release carries one')
    .option('--no-card-on-medium', 'write no card of this site beside the bundle')
    .option('--no-receipt-on-medium', 'write no copy of the receipt beside the bundle')
    .addOption(repeated('--replace <name>', 'take the new file though somebody changed the old one here'));

  withYes(withJSON(withReason(withPrefix(withState(withServing(command))))))
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, options: ImportOptions) => runImport(session, bundle, options));
}

async function runImport(session: Session, bundle: string, options: ImportOptions): Promise<void> {
  refuseBoth(options);
  const [override] = overridesIn(options);
  const reason = override === undefined ? options.reason : overrideReason(override, options);
  const progress = await session.progress(
    'nothing was changed: images that were loaded are gone, all tags stand as before',
  );
  const told = new Set<string>();
  const serving = await servingOf(options);
  const { importBundle } = await import('../install/index.ts');
  const done = await importBundle({
    stateDir: stateOf(session, options),
    prefix: prefixOf(session, options),
    path: session.path(bundle),
    engine: engineOf(session),
    command: typedCommand(session, { withEngine: true }),
    systemLog: session.io.systemLog,
    receiptOnMedium: options.receiptOnMedium,
    cardOnMedium: options.cardOnMedium,
    onCard: (card, path) => showCard(session, card, path),
    onReceipt: (receipt, path) => showReceipt(session, receipt, path),
    fingerprint: options.fingerprint,
    ask: options.yes ? undefined : askFingerprint(session),
    confirm: planQuestion(session, { yes: options.yes, told }),
    dryRun: options.dryRun,
    activate: options.activate,
    allowDowngrade: options.allowDowngrade,
    allowShorter: options.allowShorter,
    allowFewerNames: options.allowFewerNames,
    ...serving,
    ferry: options.ferry,
    running: session.io.program === undefined ? undefined : { path: session.io.program, version: VERSION },
    dockerHost: session.io.env['DOCKER_HOST'],
    keep: options.keep,
    keepLocal: options.keepLocal,
    replace: options.replace,
    reason,
    buildTime: BUILD_TIME,
    now: session.now,
    progress,
    signal: session.io.signal,
  });
  session.warn(done.warnings.filter((line) => !told.has(line)));
  const end = await endLines(session, done, { ...options, folder: bundle });
  session.finish({ fields: { ...done }, lines: [...importLines(done, session.now), ...end] });
}

/** A file cannot stay and be replaced. @throws {CliError} `USAGE` for a name that is given to both */
function refuseBoth({ keepLocal = [], replace = [] }: ImportOptions): void {
  const both = keepLocal.find((name) => replace.includes(name));
  if (both === undefined) return;
  throw new CliError(`--keep-local, --replace: expected one of them for a file, got both for "${both}"`, {
    code: 'USAGE',
  });
}

/** The flags that set a rule aside. */
function overridesIn({
  allowDowngrade,
  allowShorter,
  allowFewerNames,
  keepLocal,
  replace,
}: ImportOptions): readonly string[] {
  const shorter = { '--allow-shorter': allowShorter, '--allow-fewer-names': allowFewerNames };
  const given = { '--allow-downgrade': allowDowngrade, ...shorter, '--keep-local': keepLocal, '--replace': replace };
  return Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
}
