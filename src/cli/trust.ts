/** `ferry trust`: pins the office's root on this site, and makes the site's own signing key. */
import type { Command } from 'commander';
import { engineOf } from './engine.ts';
import { askFingerprint, fingerprintRows, readRoot } from './fingerprint.ts';
import { alignColumns } from './format.ts';
import {
  overrideReason,
  type QuestionOptions,
  type SiteOptions,
  stateOf,
  withJSON,
  withReason,
  withState,
  withYes,
} from './options.ts';
import type { Session } from './session.ts';

interface TrustOptions extends SiteOptions, QuestionOptions {
  readonly fingerprint?: string;
  readonly replace?: boolean;
}

const EXAMPLES = `
The fingerprint comes from the approval sheet, another way than the stick: 64 digits, as \`sha256sum root.json\` prints
them at the office, or the 12 words of \`ferry init\`.

Examples:
  $ ferry trust /media/stick/root.json
  $ ferry trust root.json --fingerprint "acid bonus cargo …"
  $ ferry trust root.json --replace --reason "new office, approval sheet 2027-03"`;

/** Declares the command. */
export function addTrust(program: Command, session: Session): void {
  const command = program
    .command('trust')
    .summary("pin the office's root, once for each site")
    .description("Pins ROOT as the one whose releases this site installs, and makes the site's signing key.")
    .argument('<root>', "the office's root.json")
    .option('--fingerprint <hex|words>', 'compare with this instead of asking')
    .option('--replace', 'put it in the place of another root');
  withYes(withJSON(withReason(withState(command))))
    .addHelpText('after', EXAMPLES)
    .action((root: string, options: TrustOptions) => runTrust(session, root, options));
}

const DONE = {
  pinned: 'this root is trusted now',
  same: 'this root was trusted already',
  successor: 'this newer root of the same office is trusted now',
  replaced: 'this root is trusted now instead of the former one',
} as const;

async function runTrust(session: Session, path: string, options: TrustOptions): Promise<void> {
  const reason = options.replace ? overrideReason('--replace', options) : options.reason;
  const { pinRoot } = await import('../install/index.ts');
  const pinned = await pinRoot({
    stateDir: stateOf(session, options),
    root: await readRoot(session, path),
    fingerprint: options.fingerprint,
    ask: options.yes ? undefined : askFingerprint(session),
    yes: options.yes,
    replace: options.replace,
    reason,
    now: session.now,
    systemLog: session.io.systemLog,
    engine: engineOf(session),
  });
  if (!pinned.confirmed) session.warn(['nobody has compared the fingerprint: `ferry status` will go on asking']);
  session.finish({
    fields: { ...pinned },
    lines: [
      DONE[pinned.action],
      ...alignColumns([['site', pinned.site], ...(pinned.fingerprint ? fingerprintRows(pinned.fingerprint) : [])]),
    ],
  });
}
