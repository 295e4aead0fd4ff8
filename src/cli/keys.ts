/** `ferry keys …`: who may sign what. Every change is a new root, published at once or signed in a ceremony. */
import type { Command } from 'commander';
import type { Role } from '../trust/index.ts';
import type { RootChange, Workspace } from '../workspace/index.ts';
import { fingerprintRows, wordRows } from './fingerprint.ts';
import { alignColumns, formatUntil, shortDigest } from './format.ts';
import { addSignRequest } from './keys-sign.ts';
import {
  type OfficeOptions,
  ROLES,
  roleOf,
  wholeNumber,
  withExamples,
  withJSON,
  withOffice,
  workspaceOf,
} from './options.ts';
import { type AskPassphrase, passphraseFrom } from './passphrase.ts';
import type { Session } from './session.ts';

/** Where the root keys are now. */
interface RootKeys {
  readonly rootKeys?: string;
}

interface KeysOptions extends OfficeOptions, RootKeys {
  readonly publicKey?: string;
  readonly threshold?: number;
}

const EXAMPLES = `
Examples:
  $ ferry keys list --workspace ./office
  $ ferry keys rotate timestamp --workspace ./office
  $ ferry keys add root --public-key holder-3.pem --threshold 2 --workspace ./office
  $ ferry keys sign root-2.request.json --keys /media/safe
  $ ferry keys assemble root-2.request.json root-2.*.answer.json --workspace ./office`;

/** Declares the commands. */
export function addKeys(program: Command, session: Session): void {
  const keys = program
    .command('keys')
    .summary('list, rotate, add and revoke keys; the offline ceremony')
    .description('Who may sign what. Every change makes a new root; sites follow it with the next bundle or catalogue.')
    .addHelpText('after', EXAMPLES);
  const declare = (name: string, description: string, ...examples: readonly string[]) =>
    withExamples(withRootKeys(withOffice(withJSON(keys.command(name).description(description)))), examples);
  declare('list', 'The keys of each role, and until when the root is valid.', 'keys list --workspace ./office').action(
    (options: KeysOptions) => runList(session, options),
  );
  declare('rotate', 'Puts new keys in the place of those of a role that are here.', ...ROTATE_EXAMPLES)
    .argument('<role>', ROLES.join(', '), roleOf)
    .action((role: Role, options: KeysOptions) => runRotate(session, role, options));
  declare(
    'add',
    'Adds a key to a role: one that is made here, or the public key of a holder elsewhere.',
    ...ADD_EXAMPLES,
  )
    .argument('<role>', ROLES.join(', '), roleOf)
    .option('--public-key <file>', 'of a holder elsewhere (PEM); without it a key is made here')
    .option('--threshold <count>', 'how many must sign from now on', wholeNumber)
    .action((role: Role, options: KeysOptions) => runAdd(session, role, options));
  declare('revoke', 'Takes a key out of every role.', 'keys revoke 4f2a91c07b3e --workspace ./office')
    .argument('<keyid>', 'at least the first 8 digits')
    .action((keyID: string, options: KeysOptions) => runRevoke(session, keyID, options));
  addSignRequest(keys, session);
  declare('assemble', 'Puts the answers of a ceremony together and publishes the root.', ASSEMBLE_EXAMPLE)
    .argument('<request>', 'the request')
    .argument('<answers...>', 'what `ferry keys sign` wrote')
    .action((request: string, answers: string[], options: KeysOptions) =>
      runAssemble(session, { request, answers, options }),
    );
}

const ROTATE_EXAMPLES = [
  'keys rotate timestamp --workspace ./office',
  'keys rotate root --root-keys /media/safe --workspace ./office',
];
const ADD_EXAMPLES = [
  'keys add targets --workspace ./office',
  'keys add root --public-key holder-3.pem --threshold 2 --workspace ./office',
];
const ASSEMBLE_EXAMPLE = 'keys assemble root-2.request.json root-2.*.answer.json --workspace ./office';

function withRootKeys(command: Command): Command {
  return command.option('--root-keys <dir>', 'where the root keys are now, when they were kept apart');
}

/** The workspace of a command of the office, with the way to its keys. */
export async function openOffice(session: Session, options: OfficeOptions & RootKeys): Promise<Workspace> {
  return openWith(session, options, passphraseFrom(session, options.passphraseFile));
}

/**
 * The same, for a command that makes keys: they are sealed as the workspace's others are. Where none is sealed, a new one
 * is not either, and nobody is asked.
 */
async function openForNewKeys(session: Session, options: KeysOptions): Promise<Workspace> {
  const { listKeys } = await import('../workspace/index.ts');
  const workspace = await openOffice(session, options);
  const { keys } = await listKeys(workspace);
  return keys.some(({ file }) => file?.endsWith('.age')) ? workspace : openWith(session, options, undefined);
}

async function openWith(
  session: Session,
  options: OfficeOptions & RootKeys,
  passphrase: AskPassphrase | undefined,
): Promise<Workspace> {
  const { openWorkspace } = await import('../workspace/index.ts');
  return openWorkspace(workspaceOf(session, options), {
    passphrase,
    signerCommand: options.signerCmd,
    rootKeysDir: options.rootKeys === undefined ? undefined : session.path(options.rootKeys),
    now: session.issued(),
    env: session.io.env,
  });
}

async function runList(session: Session, options: KeysOptions): Promise<void> {
  const { listKeys } = await import('../workspace/index.ts');
  const { root, keys } = await listKeys(await openOffice(session, options));
  const rows = keys.map(({ role, keyID, scheme, state, file = 'held elsewhere' }) => {
    return [role, shortDigest(keyID), scheme, state, file];
  });
  session.finish({
    fields: { root, keys },
    lines: [`root ${root.version}, valid until ${formatUntil(root.expires, session.now)}`, ...alignColumns(rows)],
  });
}

async function runRotate(session: Session, role: Role, options: KeysOptions): Promise<void> {
  const { rotateKey } = await import('../workspace/index.ts');
  finishChange(session, await rotateKey(await openForNewKeys(session, options), role));
}

async function runAdd(session: Session, role: Role, options: KeysOptions): Promise<void> {
  const { publicKey, threshold } = options;
  const { addKey } = await import('../workspace/index.ts');
  const change = await addKey(await openForNewKeys(session, options), role, {
    ...(publicKey !== undefined && { publicPEM: await session.readText(publicKey, 'the public key') }),
    ...(threshold !== undefined && { threshold }),
  });
  finishChange(session, change);
}

async function runRevoke(session: Session, keyID: string, options: KeysOptions): Promise<void> {
  const { revokeKey } = await import('../workspace/index.ts');
  finishChange(session, await revokeKey(await openOffice(session, options), keyID));
}

interface Assembling {
  readonly request: string;
  readonly answers: readonly string[];
  readonly options: KeysOptions;
}

async function runAssemble(session: Session, { request, answers, options }: Assembling): Promise<void> {
  const { assembleRequest } = await import('../workspace/index.ts');
  const files = { request: session.path(request), answers: answers.map((path) => session.path(path)) };
  finishChange(session, await assembleRequest(await openOffice(session, options), files));
}

function finishChange(session: Session, change: RootChange): void {
  session.finish({ fields: { ...change }, lines: changeLines(change) });
}

/** What became of a new root. */
export function changeLines(change: RootChange): string[] {
  if (change.status === 'published') {
    return [
      `root ${change.version} is published: sites follow it with the next bundle or catalogue`,
      ...alignColumns(fingerprintRows(change.fingerprint)),
      'A site that trusts nobody yet compares these from now on.',
    ];
  }
  return [
    `root ${change.version} waits for signatures; nothing has changed yet`,
    ...alignColumns([
      ['request', change.request],
      ...wordRows(change.words),
      ...change.answers.map((path) => ['answer', path]),
    ]),
    'Tell the holders the words. Each runs `ferry keys sign REQUEST --keys FOLDER`, which shows them again;',
    'then `ferry keys assemble REQUEST ANSWER…`.',
  ];
}
