/** `ferry recover`: finishes or undoes what a command that was cut off has left. */
import type { Command } from 'commander';
import type { RecoverResult } from '../install/index.ts';
import { engineOf, typedCommand } from './engine.ts';
import { CliError } from './error.ts';
import { recreateLines } from './format.ts';
import { prefixOf, repeated, type SiteOptions, stateOf, withJSON, withPrefix, withState } from './options.ts';
import type { Session } from './session.ts';

interface RecoverOptions extends SiteOptions {
  readonly bootUnit?: boolean;
  readonly before?: readonly string[];
}

const EXAMPLES = `
Every command that changes the site does this first. It goes forward when all that is needed is in and proven, and back
otherwise; it can itself be cut off and run again.

Examples:
  $ ferry recover
  $ ferry recover --boot-unit --before atrium.service > /etc/systemd/system/ferry-recover.service`;

/** Declares the command. */
export function addRecover(program: Command, session: Session): void {
  const command = program
    .command('recover')
    .summary('finish or undo what was cut off')
    .description(
      'Where an import or a rollback was killed, or the power went: finishes it or undoes it, so that the site is on the old release or on the new one.',
    )
    .option('--boot-unit', 'print the systemd unit that does this at boot, and do nothing')
    .addOption(repeated('--before <unit>', 'with --boot-unit: a unit that is to wait for it'));
  withJSON(withPrefix(withState(command)))
    .addHelpText('after', EXAMPLES)
    .action((options: RecoverOptions) =>
      options.bootUnit ? printUnit(session, options) : runRecover(session, options),
    );
}

async function printUnit(session: Session, options: RecoverOptions): Promise<void> {
  const { bootUnit } = await import('../install/index.ts');
  const unit = bootUnit({
    state: stateOf(session, options),
    prefix: prefixOf(session, options),
    ferry: session.io.program,
    dockerHost: session.io.env['DOCKER_HOST'],
    before: options.before ?? [],
  });
  session.finish({ fields: { unit }, lines: [unit.replace(/\n$/, '')] });
}

async function runRecover(session: Session, options: RecoverOptions): Promise<void> {
  if (options.before) throw new CliError('--before: expected --boot-unit with it, got none', { code: 'USAGE' });
  const progress = await session.progress('what is pending stays pending: run `ferry recover` again');
  const { recoverSite } = await import('../install/index.ts');
  const done = await recoverSite({
    stateDir: stateOf(session, options),
    engine: engineOf(session),
    command: typedCommand(session, { withEngine: true }),
    systemLog: session.io.systemLog,
    now: session.now,
    progress,
  });
  session.warn(done.warnings);
  session.finish({ fields: { ...done }, lines: linesFor(done) });
}

function linesFor({ recovered, title, repinned = 0, ...done }: RecoverResult): string[] {
  const pins = repinned === 0 ? [] : [`pins put back that a prune had taken: ${repinned}`];
  return [lineFor(recovered, title), ...recreateLines(done), ...pins];
}

function lineFor(recovered: RecoverResult['recovered'], title: string | undefined): string {
  if (recovered === null) return 'nothing was pending';
  return recovered === 'finished' ? `finished: ${title}` : `undone: ${title}; all is as it was before`;
}
