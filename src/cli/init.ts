/** `ferry init`: makes the office's workspace (FORMAT §6) and prints the fingerprint for the approval sheet. */
import type { Command } from 'commander';
import { CliError } from './error.ts';
import { fingerprintRows } from './fingerprint.ts';
import { alignColumns } from './format.ts';
import { changeLines } from './keys.ts';
import { type CommonOptions, days, pairs, ROLES, repeated, roleOf, withJSON, withKeys } from './options.ts';
import { passphraseFrom } from './passphrase.ts';
import type { Session } from './session.ts';

interface InitOptions extends CommonOptions {
  readonly product: string;
  readonly passphrase: boolean;
  readonly passphraseFile?: string;
  readonly signerCmd?: string;
  readonly rootKeys?: string;
  readonly threshold?: readonly string[];
  readonly validity?: number;
  readonly rootValidity?: number;
  readonly restore?: string;
}

const EXAMPLES = `
Examples:
  $ ferry init ./office --product atrium
  $ ferry init ./office --product atrium --root-keys /media/safe --threshold root=2/3
  $ ferry init ./office --product atrium --restore atrium-2.1.0-7-12.ferry.tar --root-keys /media/safe`;

/** Declares the command. */
export function addInit(program: Command, session: Session): void {
  const command = program
    .command('init')
    .summary('make a workspace: keys, trust root, ledger')
    .description(
      'Makes a workspace with its keys and writes root.json, the file that a site pins. Prints its fingerprint.',
    )
    .argument('<dir>', 'folder of the workspace; made when it is not there')
    .requiredOption('--product <name>', 'the product that this workspace releases')
    .option('--no-passphrase', 'leave the keys unsealed, readable by this user alone')
    .option('--root-keys <dir>', 'put the root keys there, to be kept apart')
    .addOption(repeated('--threshold <role=t/n>', `how many of how many keys sign for ${ROLES.join(', ')}`))
    .option('--validity <days>', 'days that a catalogue is valid (default 400)', days)
    .option('--root-validity <days>', 'days that a root is valid (default 1100)', days)
    .option('--restore <bundle>', 'go on after the newest bundle that is left, when a workspace was lost');
  withJSON(withKeys(command))
    .addHelpText('after', EXAMPLES)
    .action((dir: string, options: InitOptions) => runInit(session, dir, options));
}

async function runInit(session: Session, dir: string, options: InitOptions): Promise<void> {
  const { PRODUCT } = await import('../manifest/index.ts');
  if (!PRODUCT.test(options.product)) {
    throw new CliError(`--product: expected lower-case letters, digits and -, got "${options.product}"`, {
      code: 'USAGE',
    });
  }
  const { initWorkspace } = await import('../export/index.ts');
  const rootKeysDir = await rootKeysOf(session, dir, options);
  const made = await initWorkspace(session.path(dir), {
    product: options.product,
    passphrase: options.passphrase ? passphraseFrom(session, options.passphraseFile) : undefined,
    signerCommand: options.signerCmd,
    thresholds: thresholds(options.threshold),
    rootKeysDir,
    validityDays: options.validity,
    rootValidityDays: options.rootValidity,
    restoreFrom: options.restore === undefined ? undefined : session.path(options.restore),
    now: session.issued(),
    env: session.io.env,
  });
  const { dir: workspace, product, rootPath: root, fingerprint, rootChange } = made;
  session.finish({
    fields: { workspace, product, root, fingerprint, rootChange },
    lines: [
      ...alignColumns([['workspace', workspace], ['root', root], ...fingerprintRows(fingerprint)]),
      ...(rootChange ? changeLines(rootChange) : [PAPER]),
    ],
  });
}

const PAPER = 'Put the words or the digits on paper: a site compares them before it trusts this root.';

/** Kept apart is what the option is for: a copy of the workspace must not be one of the root keys. */
async function rootKeysOf(session: Session, dir: string, { rootKeys }: InitOptions): Promise<string | undefined> {
  if (rootKeys === undefined) return undefined;
  const { isWithin } = await import('../workspace/index.ts');
  if (!isWithin(session.path(dir), session.path(rootKeys))) return session.path(rootKeys);
  throw new CliError(`--root-keys: expected a folder outside of the workspace, got "${rootKeys}"`, { code: 'USAGE' });
}

/** `root=2/3`: two of three keys must sign. */
function thresholds(texts: readonly string[] | undefined): Record<string, { threshold: number; holders: number }> {
  return Object.fromEntries(
    [...pairs('--threshold', texts)].map(([role, text]) => {
      const [threshold = 0, holders = 0] = /^\d+\/\d+$/.test(text) ? text.split('/').map(Number) : [];
      if (threshold >= 1 && holders >= threshold && holders <= 20) return [roleOf(role), { threshold, holders }];
      throw new CliError(`--threshold: expected ROLE=T/N with T of N keys, got "${role}=${text}"`, { code: 'USAGE' });
    }),
  );
}
