/** `ferry support`: a folder for whoever helps from far away, with the secrets taken out. */
import type { Command } from 'commander';
import { engineOf } from './engine.ts';
import { findPrefix, type SiteOptions, stateOf, withExamples, withJSON, withPrefix, withState } from './options.ts';
import type { Session } from './session.ts';
import { VERSION } from './version.ts';

/** Variables whose values are secret. */
const SECRET_VARIABLE = /TOKEN|PASS|SECRET|AUTH|CREDENTIAL|KEY$/;

interface SupportOptions extends SiteOptions {
  readonly out: string;
}

/** Declares the command. */
export function addSupport(program: Command, session: Session): void {
  const command = program
    .command('support')
    .summary('a folder for whoever helps from far away')
    .description(
      'Writes one folder with the state of this site: status, journal, receipts, the last lines of the audit log, facts of engine, disks and system. No key, no licence, no content of a file; what looks like a secret is taken out. Read it before you give it away.',
    )
    .requiredOption('--out <dir>', 'where the folder is made');
  withExamples(withJSON(withPrefix(withState(command))), ['support --out /media/stick']).action(
    (options: SupportOptions) => runSupport(session, options),
  );
}

async function runSupport(session: Session, options: SupportOptions): Promise<void> {
  const { writeSupport } = await import('../install/index.ts');
  const { env } = session.io;
  const done = await writeSupport({
    stateDir: stateOf(session, options),
    outDir: session.path(options.out),
    engine: engineOf(session),
    prefix: findPrefix(session, options),
    version: VERSION,
    secrets: Object.entries(env).flatMap(([name, value]) => (SECRET_VARIABLE.test(name) && value ? [value] : [])),
    now: session.now,
  });
  session.warn(done.warnings);
  session.finish({
    fields: { ...done },
    lines: [`wrote ${done.dir}`, ...done.files.map((file) => `  ${file}`), 'read it before you give it away'],
  });
}
