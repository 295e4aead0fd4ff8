/** `ferry license`: the product's licence on this site, without a bundle. */
import type { Command } from 'commander';
import type { InstallLicenseResult } from '../install/index.ts';
import { engineOf, typedCommand } from './engine.ts';
import { alignColumns, recreateLines } from './format.ts';
import { licenseLines } from './license-lines.ts';
import {
  findPrefix,
  overrideReason,
  prefixOf,
  type QuestionOptions,
  type SiteOptions,
  stateOf,
  withExamples,
  withJSON,
  withPrefix,
  withReason,
  withState,
} from './options.ts';
import type { Session } from './session.ts';
import { BUILD_TIME } from './version.ts';

interface InstallOptions extends SiteOptions, QuestionOptions {
  readonly allowShorter?: boolean;
  readonly to?: string;
}

/** Declares the commands. */
export function addLicense(program: Command, session: Session): void {
  const license = program
    .command('license')
    .alias('licence')
    .summary('the licence of the product: install one, and see how long it lasts')
    .description(
      'A licence comes with a bundle, with an overlay, or as a file. It is installed as it is, byte for byte.',
    );
  addInstall(license, session);
  withExamples(withJSON(withPrefix(withState(license.command('show')))), ['license show', 'license show --json'])
    .description('Shows the installed licence, and what the product does with it: valid, in grace, or read-only.')
    .action((options: SiteOptions) => runShow(session, options));
}

function addInstall(license: Command, session: Session): void {
  const command = license
    .command('install')
    .description(
      'Judges FILE as far as it can be read, puts it in the place of the present licence, and keeps that one. A licence that is refused changes nothing.',
    )
    .argument('<file>', 'the licence, sealed for this site or not')
    .option('--allow-shorter', 'take a licence that ends sooner than the one that is installed')
    .option('--to <path>', 'where it goes, where no release says');
  withExamples(withJSON(withReason(withPrefix(withState(command)))), [
    'license install /media/stick/license.blob',
    'license install license.blob --to /etc/atrium/license.blob',
    'license install license.blob --allow-shorter --reason "the vendor took a year back, ticket 4711"',
  ]).action((file: string, options: InstallOptions) => runInstall(session, file, options));
}

async function runInstall(session: Session, file: string, options: InstallOptions): Promise<void> {
  const reason = options.allowShorter ? overrideReason('--allow-shorter', options) : options.reason;
  const progress = await session.progress('nothing was changed: the licence is the one of before');
  const { installLicense } = await import('../install/index.ts');
  const done = await installLicense({
    path: session.path(file),
    stateDir: stateOf(session, options),
    prefix: prefixOf(session, options),
    to: options.to,
    allowShorter: options.allowShorter,
    reason,
    engine: engineOf(session),
    command: typedCommand(session),
    systemLog: session.io.systemLog,
    buildTime: BUILD_TIME,
    now: session.now,
    progress,
    signal: session.io.signal,
  });
  session.warn(done.warnings);
  session.finish({ fields: { ...done }, lines: installLines(done, session.now) });
}

function installLines(done: InstallLicenseResult, now: Date): string[] {
  const { action, previous } = done;
  return [
    action === 'present' ? 'this licence is installed already: nothing to do' : 'the licence is installed',
    ...licenseLines(done, now),
    ...(previous === undefined ? [] : alignColumns([['the one before', previous.kept]])),
    ...recreateLines(done),
  ];
}

async function runShow(session: Session, options: SiteOptions): Promise<void> {
  const { showLicense } = await import('../install/index.ts');
  const found = await showLicense({
    stateDir: stateOf(session, options),
    prefix: findPrefix(session, options),
    buildTime: BUILD_TIME,
    now: session.now,
  });
  const fields = found ?? { mode: 'unknown' };
  session.finish({
    fields: { ...fields },
    lines: found ? licenseLines(found, session.now) : ['no licence is known here'],
  });
}
