/**
 * `ferry keys sign`: a holder's half of the ceremony, on a machine of their own that needs no workspace. What is signed
 * is shown before the key is opened.
 */
import type { Command } from 'commander';
import { CliError } from './error.ts';
import { alignColumns } from './format.ts';
import { type CommonOptions, type QuestionOptions, withJSON, withYes } from './options.ts';
import { passphraseFrom } from './passphrase.ts';
import type { Session } from './session.ts';

interface SignOptions extends CommonOptions, QuestionOptions {
  readonly keys: string;
  readonly passphraseFile?: string;
}

/** Declares the command. */
export function addSignRequest(keys: Command, session: Session): void {
  const command = keys
    .command('sign')
    .description('sign a request of a ceremony with the keys at hand; writes an answer beside it')
    .argument('<request>', 'the request')
    .requiredOption('--keys <path>', 'a key file, or the folder with root keys')
    .option('--passphrase-file <file>', 'read the passphrase of the keys from FILE');
  withYes(withJSON(command)).action((request: string, options: SignOptions) => runSign(session, request, options));
}

async function runSign(session: Session, request: string, options: SignOptions): Promise<void> {
  const { describeRequest, signRequest } = await import('../workspace/index.ts');
  const path = session.path(request);
  const { summary, changes, words } = await describeRequest(path);
  session.io.err([summary, ...changes.map((line) => `  ${line}`), `words: ${words.join(' ')}`].join('\n'));
  if (!options.yes) await confirm(session);
  const answers = await signRequest(path, {
    keys: session.path(options.keys),
    passphrase: passphraseFrom(session, options.passphraseFile),
  });
  session.finish({
    fields: { summary, changes, words, answers },
    lines: alignColumns(answers.map((answer) => ['signed', answer])),
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
