/** The fingerprint of a root, for paper: sixty-four digits that `sha256sum` prints too, and twelve words to read aloud. */
import type { Session } from './session.ts';

/** Both forms of one fingerprint. */
export interface Fingerprint {
  readonly hex: string;
  readonly words: readonly string[];
}

/** Rows for a person: the digits, then the words in two rows of six. */
export function fingerprintRows({ hex, words }: Fingerprint): [string, string][] {
  return [['sha256', hex], ...wordRows(words)];
}

/** Twelve words in two rows of six. */
export function wordRows(words: readonly string[]): [string, string][] {
  return [
    ['words', words.slice(0, 6).join(' ')],
    ['', words.slice(6).join(' ')],
  ];
}

/**
 * The question for the fingerprint, asked before anything of it is shown: who compares must read the approval sheet, not
 * the screen (FORMAT §2).
 */
export function askFingerprint(session: Session): () => Promise<string> {
  return () =>
    session.ask('the 12 words or 64 digits from the approval sheet: ', {
      instead: 'give --fingerprint with the 64 digits or the 12 words in quotes',
    });
}

/** The bytes of a root.json that was named. */
export async function readRoot(session: Session, path: string): Promise<Uint8Array> {
  const { MAX_ROOT_BYTES } = await import('../trust/index.ts');
  const { readFileBounded } = await import('../content/index.ts');
  return readFileBounded(session.path(path), { max: MAX_ROOT_BYTES });
}
