/** `ferry verify`: reads every byte of a bundle, and says whether this site would trust it. Changes nothing. */
import type { Command } from 'commander';
import { CliError } from './error.ts';
import { askFingerprint, readRoot } from './fingerprint.ts';
import { bundleName, inspectionLines } from './inspection-lines.ts';
import { type SiteOptions, stateOf, withJSON, withState } from './options.ts';
import type { Session } from './session.ts';
import { BUILD_TIME } from './version.ts';

interface VerifyOptions extends SiteOptions {
  readonly trust?: string;
  readonly fingerprint?: string;
  readonly integrityOnly?: boolean;
}

const EXAMPLES = `
Examples:
  $ ferry verify /media/stick
  $ ferry verify atrium-2.1.0-7-12.ferry.tar --trust root.json --fingerprint 5f2b…
  $ ferry verify atrium-2.1.0-7-12.ferry.tar --integrity-only`;

/** Declares the command. */
export function addVerify(program: Command, session: Session): void {
  const command = program
    .command('verify')
    .summary('read every byte, and judge it as this site would')
    .description(
      'Reads every byte of a bundle and names what is bad: entry, image, layer, offset. Judges the signatures by the root that this site has pinned, or by --trust. Changes nothing.',
    )
    .argument('<bundle>', 'the bundle, or the folder that holds it')
    .option('--trust <root>', 'judge by this root.json')
    .option('--fingerprint <hex>', 'the fingerprint of that root, from the approval sheet')
    .option('--integrity-only', 'find damage only: says nothing about who made it');
  withJSON(withState(command))
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, options: VerifyOptions) => runVerify(session, bundle, options));
}

async function runVerify(session: Session, bundle: string, options: VerifyOptions): Promise<void> {
  const given = await givenRoot(session, options);
  const progress = await session.progress();
  const { verifyBundleAt } = await import('../install/index.ts');
  const found = await verifyBundleAt({
    path: session.path(bundle),
    stateDir: stateOf(session, options),
    ...given,
    integrityOnly: options.integrityOnly,
    now: session.now,
    buildTime: BUILD_TIME,
    progress,
    signal: session.io.signal,
  });
  session.warn(found.warnings);
  const whole = options.integrityOnly ? 'whole, by whomever it is made' : 'good, every byte is what was signed';
  session.finish({
    fields: { ...found },
    lines: [`${bundleName(found)}: ${whole}`, ...inspectionLines(found, session.now)],
  });
}

/** A root that is given counts when its fingerprint was compared: the file itself may come from anybody. */
async function givenRoot(session: Session, { trust, fingerprint, integrityOnly }: VerifyOptions) {
  if (integrityOnly && (trust ?? fingerprint) !== undefined) {
    throw new CliError('--integrity-only: asks for no root, so --trust and --fingerprint have no use', {
      code: 'USAGE',
    });
  }
  if (trust === undefined) {
    if (fingerprint === undefined) return {};
    throw new CliError('--fingerprint: expected --trust ROOT too', { code: 'USAGE' });
  }
  return { root: await readRoot(session, trust), fingerprint: fingerprint ?? (await askFingerprint(session)()) };
}
