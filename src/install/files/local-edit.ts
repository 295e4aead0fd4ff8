/** What is said of files that somebody changed here, and how it is decided what becomes of them. DESIGN "Command line". */

import { InstallError } from '../error.ts';
import type { LocalEdit } from './file-plan.ts';

/** One finding for each: `LOCAL_EDIT`, which names both ways out. */
export function editFindings(edits: readonly LocalEdit[]): readonly InstallError[] {
  return edits.map(editFinding);
}

function editFinding({ file: { name, path }, last }: LocalEdit): InstallError {
  const expected = last === undefined ? 'no file there, or the new one' : 'it as it was installed, or the new one';
  return new InstallError(`install ${name}: ${path}: expected ${expected}, got one that was changed here`, {
    code: 'LOCAL_EDIT',
    hint: `leave it with --keep-local ${name} or take the new one with --replace ${name}, and say why with --reason TEXT`,
    facts: { name, path },
  });
}
