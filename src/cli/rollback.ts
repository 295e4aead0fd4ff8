/** `ferry rollback`: back to the release that was installed before. */
import type { Command } from 'commander';
import type { RollbackResult } from '../install/index.ts';
import { certificateLines } from './certificate-lines.ts';
import { engineOf, typedCommand } from './engine.ts';
import { alignColumns, recreateLines } from './format.ts';
import {
  overrideReason,
  prefixOf,
  type QuestionOptions,
  type SiteOptions,
  stateOf,
  withJSON,
  withPrefix,
  withReason,
  withState,
  withYes,
} from './options.ts';
import { type ServingOptions, servingOf, withServing } from './serving.ts';
import type { Session } from './session.ts';
import { BUILD_TIME } from './version.ts';

interface RollbackOptions extends SiteOptions, QuestionOptions, ServingOptions {
  readonly allowRevoked?: boolean;
}

const EXAMPLES = `
Names of images and files stand as they stood when that release was left, also what was changed by hand. What is
installed now stays too: another rollback comes back to it. Containers run on until they are made anew.

Examples:
  $ ferry rollback
  $ ferry rollback --yes --json
  $ ferry rollback --allow-revoked --reason "2.1.0 does not start, ticket 4711"`;

/** Declares the command. */
export function addRollback(program: Command, session: Session): void {
  const command = program
    .command('rollback')
    .summary('back to the release that was installed before')
    .description(
      'Makes the release that was installed before the present one the installed one again, whole or not at all.',
    )
    .option('--allow-revoked', 'go back to a release that is revoked');
  withYes(withJSON(withReason(withPrefix(withState(withServing(command))))))
    .addHelpText('after', EXAMPLES)
    .action((options: RollbackOptions) => runRollback(session, options));
}

async function runRollback(session: Session, options: RollbackOptions): Promise<void> {
  const reason = options.allowRevoked ? overrideReason('--allow-revoked', options) : options.reason;
  const serving = await servingOf(options);
  const progress = await session.progress('nothing was changed: names and files stand as before');
  const { rollBack } = await import('../install/index.ts');
  const done = await rollBack({
    stateDir: stateOf(session, options),
    prefix: prefixOf(session, options),
    engine: engineOf(session),
    confirm: options.yes ? undefined : (line) => confirm(session, line),
    allowRevoked: options.allowRevoked,
    ...serving,
    buildTime: BUILD_TIME,
    reason,
    command: typedCommand(session, { withEngine: true }),
    systemLog: session.io.systemLog,
    now: session.now,
    progress,
    signal: session.io.signal,
  });
  session.warn(done.warnings);
  session.finish({ fields: { ...done }, lines: rollbackLines(done) });
}

async function confirm(session: Session, line: string): Promise<boolean> {
  const answer = await session.ask(`${line}? [y/N] `, { instead: 'give --yes to do it without being asked' });
  return /^y(es)?$/i.test(answer.trim());
}

function rollbackLines(done: RollbackResult): string[] {
  const { product, release, sequence, images, files, receipt, activate } = done;
  const what = sequence === 0 ? `what was here before ${product}` : `${product} ${release} (sequence ${sequence})`;
  return [
    `back to ${what}`,
    ...alignColumns([...images.map(({ name }) => ['image', name]), ...files.map(({ path }) => ['file', path])], '  '),
    ...certificateLines(done.tls),
    ...alignColumns([['receipt', receipt]]),
    ...recreateLines(done),
    ...(activate === undefined ? [] : [`to run it: ${activate.join(' ')}`]),
  ];
}
