/** `ferry inspect`: what a bundle holds, from its signed metadata alone. Reads no layer and changes nothing. */
import type { Command } from 'commander';
import { bundleName, inspectionLines } from './inspection-lines.ts';
import { type SiteOptions, stateOf, withJSON, withState } from './options.ts';
import type { Session } from './session.ts';
import { BUILD_TIME } from './version.ts';

const EXAMPLES = `
Examples:
  $ ferry inspect /media/stick
  $ ferry inspect atrium-2.1.0-7-12.ferry.tar --json`;

/** Declares the command. */
export function addInspect(program: Command, session: Session): void {
  const command = program
    .command('inspect')
    .summary('what a bundle holds, without reading a layer')
    .description(
      'Shows what a bundle holds from its signed metadata alone, and whether this site trusts it. Changes nothing.',
    )
    .argument('<bundle>', 'the bundle, or the folder that holds it');
  withJSON(withState(command))
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, options: SiteOptions) => runInspect(session, bundle, options));
}

async function runInspect(session: Session, bundle: string, options: SiteOptions): Promise<void> {
  const { inspectBundle } = await import('../install/index.ts');
  const found = await inspectBundle(session.path(bundle), {
    stateDir: stateOf(session, options),
    now: session.now,
    buildTime: BUILD_TIME,
  });
  session.warn(found.warnings);
  session.finish({ fields: { ...found }, lines: [bundleName(found), ...inspectionLines(found, session.now)] });
}
