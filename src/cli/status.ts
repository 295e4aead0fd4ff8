/** `ferry status`: what is installed here, and what wants a person. Changes nothing. */
import type { Command } from 'commander';
import type { SiteStatus } from '../install/index.ts';
import { engineOf } from './engine.ts';
import { findPrefix, type SiteOptions, stateOf, withJSON, withPrefix, withState } from './options.ts';
import type { Session } from './session.ts';
import { statusLines } from './status-lines.ts';
import { BUILD_TIME } from './version.ts';

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
    .description(
      'Shows the installed release, its images and files as they are now, what is pending, and how long the catalogue holds.',
    );
  withJSON(withPrefix(withState(command)))
    .addHelpText('after', EXAMPLES)
    .action((options: SiteOptions) => runStatus(session, options));
}

/** The site as it is now, by the options that name it. */
export async function lookAtSite(session: Session, options: SiteOptions): Promise<SiteStatus> {
  const { siteStatus } = await import('../install/index.ts');
  return siteStatus({
    stateDir: stateOf(session, options),
    engine: engineOf(session),
    prefix: findPrefix(session, options),
    buildTime: BUILD_TIME,
    now: session.now,
  });
}

async function runStatus(session: Session, options: SiteOptions): Promise<void> {
  const found = await lookAtSite(session, options);
  const exit = found.attention.length > 0 ? 10 : 0;
  session.finish({ fields: { ...found, exit }, lines: statusLines(found, session.now), exit });
}
