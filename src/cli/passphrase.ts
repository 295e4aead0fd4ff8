/**
 * Where the passphrase of the keys comes from: a file or the terminal, never the command line, which every user of the
 * machine can read in the list of processes. Asked for when a key is first needed, once a run.
 */
import { CliError } from './error.ts';
import type { Session } from './session.ts';

/** What the passphrase is for. */
export interface PassphraseQuestion {
  /** `the keys of ./ws`. */
  readonly what: string;
  /** A new passphrase is typed twice. */
  readonly confirm: boolean;
}

/** Answers with the passphrase. */
export type AskPassphrase = (question: PassphraseQuestion) => Promise<string>;

const INSTEAD = 'give --passphrase-file FILE (a file that only you can read)';

/** The way to the passphrase that the options leave. */
export function passphraseFrom(session: Session, file: string | undefined): AskPassphrase {
  let known: Promise<string> | undefined;
  return (question) => {
    known ??= file === undefined ? askFor(session, question) : readFrom(session, file);
    return known;
  };
}

async function readFrom(session: Session, file: string): Promise<string> {
  const text = await session.readText(file, 'the passphrase file');
  return checked(text.replace(/\r?\n$/, ''), file);
}

async function askFor(session: Session, { what, confirm }: PassphraseQuestion): Promise<string> {
  const first = await session.ask(`passphrase for ${what}: `, { hidden: true, instead: INSTEAD });
  checked(first, 'the terminal');
  if (confirm && (await session.ask('the same again: ', { hidden: true, instead: INSTEAD })) !== first) {
    throw new CliError('read passphrase: the two differ', {
      code: 'QUESTION_UNANSWERED',
      hint: 'run the command again',
    });
  }
  return first;
}

function checked(passphrase: string, source: string): string {
  if (passphrase !== '') return passphrase;
  throw new CliError(`read passphrase: ${source}: it is empty`, { code: 'QUESTION_UNANSWERED', hint: INSTEAD });
}
