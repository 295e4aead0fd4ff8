/**
 * Words of a command as a POSIX shell reads them back (Shell Command Language §2.2.2): for lines that a person is shown
 * to type. Nothing is run this way.
 */

/** One word, in quotes where it needs them. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** All words of a command, on one line. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
