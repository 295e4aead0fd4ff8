/** The one question of an import: a person at a terminal has seen what would be done, and says whether to go on. */

import { InstallError } from '../error.ts';
import type { ImportResult } from './result.ts';
import type { Session } from './session.ts';

/** Asks, where there is somebody to ask. @param describe what would be done @throws {InstallError} `NOT_CONFIRMED` */
export async function askToGoOn({ options }: Session, describe: () => Promise<ImportResult>): Promise<void> {
  if (options.confirm === undefined || (await options.confirm(await describe()))) return;
  throw new InstallError('import: expected a yes, got another answer', { code: 'NOT_CONFIRMED' });
}
