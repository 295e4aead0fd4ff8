/**
 * The activation of a release that is imported: what of the import's plan it needs, found on this host. Looks and changes
 * nothing; `activation.ts` makes the steps.
 */

import { join } from 'node:path';
import { parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import type { StoredRelease } from '../../state/index.ts';
import type { FilePlan } from '../files/file-plan.ts';
import { prefixOf, type ReleaseSession } from '../import/session.ts';
import { findInstalled } from '../kept/installed.ts';
import { DEFAULT_KEEP, findPrevious } from '../kept/retention.ts';
import { type ActivationSteps, checkActivation, nothingToActivate, planActivation } from './activation.ts';
import { composeFiles, OVERRIDE } from './compose.ts';

export interface ReleaseActivationOptions {
  readonly release: ReleaseDocument;
  readonly current: StoredRelease | undefined;
  readonly files: Pick<FilePlan, 'files'>;
  readonly override: string | undefined;
  /** The bytes of the compose file, where the release has one. */
  readonly compose: Uint8Array | undefined;
}

/** Plans it. @throws as {@link planActivation} */
export async function planReleaseActivation(
  session: ReleaseSession,
  { release, current, files, override, compose }: ReleaseActivationOptions,
): Promise<ActivationSteps> {
  const { engine, policy, reader, options } = session;
  await checkActivation(release, { policy, engine });
  const dir = dirOf(session, release.sequence);
  const where = { prefix: prefixOf(session), dir, override: override === undefined ? undefined : join(dir, OVERRIDE) };
  const paths = composeFiles(release, where);
  if (compose === undefined || paths === undefined) {
    throw nothingToActivate(`release ${release.release}: expected its compose file among its files, got none`);
  }
  const sequence = (await reader?.findCurrentSequence()) ?? 0;
  const left = sequence === release.sequence ? undefined : await findLeft(session, sequence, current);
  const { settleMs } = options;
  const hasPrevious = left === undefined ? await isPreviousKept(session, sequence) : keepsPrevious(options);
  const about = { release, compose, files: paths, planned: files.files, policy, engine };
  return planActivation({ ...about, left, hasPrevious, settleMs });
}

function keepsPrevious({ keep = DEFAULT_KEEP }: ReleaseSession['options']): boolean {
  return keep > 1;
}

/** Whether there is a release to go back to from one that is installed already. */
async function isPreviousKept({ reader }: ReleaseSession, sequence: number): Promise<boolean> {
  // a receipt that cannot be read is told of by others; here it is but a hint the less
  const previous = await (reader && findPrevious(reader, sequence))?.catch(() => undefined);
  return !!previous && (await findInstalled(reader, previous)) !== undefined;
}

/** The release that is left, and the files that bring it up; of what was here before ferry, Compose itself knows. */
async function findLeft(session: ReleaseSession, sequence: number, current: StoredRelease | undefined) {
  if (current === undefined) return { sequence, release: '', files: undefined };
  const release = parseReleaseDocument(current.document);
  const hasOverride = (await session.reader?.findReleaseFile(sequence, OVERRIDE)) !== undefined;
  const dir = dirOf(session, sequence);
  const where = { prefix: prefixOf(session), dir, override: hasOverride ? join(dir, OVERRIDE) : undefined };
  return { sequence, release: release.release, files: composeFiles(release, where) };
}

function dirOf({ options }: ReleaseSession, sequence: number): string {
  return join(options.stateDir, 'releases', String(sequence));
}
