/**
 * `ferry keys sign`: a holder's half of the ceremony, on a machine of their own that needs no workspace. What is signed
 * is shown before the key is opened.
 */
import type { Command } from 'commander';
import { CliError } from './error.ts';
import { alignColumns } from './format.ts';
import { type CommonOptions, type QuestionOptions, withJSON, withKeys, withYes } from './options.ts';
import { passphraseFrom } from './passphrase.ts';
import type { Session } from './session.ts';

interface SignOptions extends CommonOptions, QuestionOptions {
  readonly keys?: string;
  readonly publicKey?: string;
  readonly signerCmd?: string;
  readonly passphraseFile?: string;
}

const EXAMPLES = `
Nothing but the request and the key is needed: no workspace, no network. The words are those that \`ferry keys\` printed
when it wrote the request; compare them before you sign.

Examples:
  $ ferry keys sign root-2.request.json --keys /media/safe
  $ ferry keys sign root-2.request.json --public-key holder-3.pem --signer-cmd "sign-with-token --slot 9c"`;

/** Declares the command. */
export function addSignRequest(keys: Command, session: Session): void {
  const command = keys
    .command('sign')
    .description('Signs a request of a ceremony with the keys at hand, and writes an answer beside it.')
    .argument('<request>', 'the request')
    .option('--keys <path>', 'a key file, or the folder with root keys')
    .option('--public-key <file>', 'the public key (PEM) of the key that --signer-cmd holds');
  withYes(withJSON(withKeys(command)))
    .addHelpText('after', EXAMPLES)
    .action((request: string, options: SignOptions) => runSign(session, request, options));
}

async function runSign(session: Session, request: string, options: SignOptions): Promise<void> {
  const { describeRequest, signRequest } = await import('../workspace/index.ts');
  const path = session.path(request);
  const keys = await keysAtHand(session, options);
  const { summary, changes, words } = await describeRequest(path);
  session.io.err([summary, ...changes.map((line) => `  ${line}`), `words: ${words.join(' ')}`].join('\n'));
  if (!options.yes) await confirm(session);
  const answers = await signRequest(path, {
    ...keys,
    passphrase: passphraseFrom(session, options.passphraseFile),
  });
  session.finish({
    fields: { summary, changes, words, answers },
    lines: alignColumns(answers.map((answer) => ['signed', answer])),
  });
}

/** A file or folder, or a program and the public half of the key that it holds. */
async function keysAtHand(session: Session, { keys, publicKey, signerCmd }: SignOptions) {
  if ((publicKey === undefined) !== (signerCmd === undefined)) {
    throw new CliError('--signer-cmd and --public-key: expected both, got one', { code: 'USAGE' });
  }
  if (publicKey !== undefined && signerCmd !== undefined) {
    const publicPEM = await session.readText(publicKey, 'the public key');
    const token = { publicPEM, command: signerCmd, env: session.io.env };
    return { token, ...(keys !== undefined && { keys: session.path(keys) }) };
  }
  if (keys !== undefined) return { keys: session.path(keys) };
  throw new CliError('keys sign: expected --keys PATH, or --signer-cmd CMD with --public-key FILE, got neither', {
    code: 'USAGE',
  });
}

async function confirm(session: Session): Promise<void> {
  const answer = await session.ask('sign this? type yes: ', { instead: 'give --yes when the words were compared' });
  if (answer.trim().toLowerCase() === 'yes') return;
  throw new CliError('sign request: the answer was not yes', {
    code: 'QUESTION_UNANSWERED',
    hint: 'nothing was signed',
  });
}
