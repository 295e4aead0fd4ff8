/**
 * What an import says to a person beside its result: the plan and the one question before the first change, and, of a
 * folder, how the site stands in the end and that the stick may go.
 */
import type { ImportResult } from '../install/index.ts';
import { importLines } from './import-lines.ts';
import type { SiteOptions } from './options.ts';
import type { Session } from './session.ts';
import { lookAtSite } from './status.ts';
import { statusLines } from './status-lines.ts';

/**
 * Shows the plan and asks; where nobody is, nobody is asked: what a script is to do was decided by who wrote it.
 * @param told gets the warnings that were shown with the plan
 */
export function planQuestion(
  session: Session,
  { yes, told }: { readonly yes?: boolean | undefined; readonly told: Set<string> },
): ((planned: ImportResult) => Promise<boolean>) | undefined {
  if (yes || session.io.ask === undefined) return undefined;
  return async (planned) => {
    session.warn(planned.warnings);
    for (const line of planned.warnings) told.add(line);
    for (const line of importLines(planned, session.now)) session.io.err(line);
    const answer = await session.ask('go on? [y/N] ', { instead: 'give --yes to do it without being asked' });
    return /^y(es)?$/i.test(answer.trim());
  };
}

/** The last lines of a folder's import; none of a file's, or where a machine reads. */
export async function endLines(
  session: Session,
  done: ImportResult,
  options: SiteOptions & { readonly folder: string },
): Promise<string[]> {
  if (!done.safeToUnmount || session.json) return [];
  const safe = `safe to unmount ${options.folder}`;
  const found = await lookAtSite(session, options);
  return ['', ...statusLines(found, session.now), safe];
}
