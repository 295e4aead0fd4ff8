/** `ferry catalogue list, revoke`: what may be installed. Writing a catalogue file is the export room's. */
import { showRelease } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { LedgerRelease } from './ledger.ts';
import { readLedger } from './ledger.ts';
import type { Workspace } from './open.ts';
import type { Published } from './publish.ts';
import { publish } from './publish.ts';

/** A release as the ledger knows it. */
export interface ListedRelease {
  readonly release: string;
  readonly sequence: number;
  /** `2.1.0`, or `2.1.0+7` where another sequence has the same name. */
  readonly shown: string;
  /** RFC 3339. */
  readonly issued: string;
  /** `superseded`: taken off the list by `--revoke-former`. */
  readonly state: LedgerRelease['state'];
}

/** Every release that was ever numbered, oldest first. */
export async function listCatalogue(workspace: Workspace): Promise<readonly ListedRelease[]> {
  const { releases } = await readLedger(workspace.paths);
  return releases.map(({ release, sequence, issued, state }) => {
    return { release, sequence, shown: showRelease({ release, sequence }, releases), issued, state };
  });
}

/**
 * Takes a release off the list, and signs the catalogue without it. Sites learn it from the next bundle or catalogue.
 * @param name a release, `2.1.0+7`, `+7` or a bare sequence
 * @throws {WorkspaceError} `RELEASE_UNKNOWN`, `RELEASE_AMBIGUOUS`; and what signing throws
 */
export async function revokeRelease(
  workspace: Workspace,
  name: string,
): Promise<{ readonly release: ListedRelease; readonly published: Published }> {
  const found = (await listCatalogue(workspace)).filter(isNamed(name));
  const listed = found.filter(({ state }) => state !== 'revoked');
  const [release, ...more] = listed.length > 0 ? listed : found;
  if (release === undefined) {
    throw new WorkspaceError(`revoke ${name}: expected a release of the catalogue, got none`, {
      code: 'RELEASE_UNKNOWN',
    });
  }
  if (more.length > 0) {
    const names = [release, ...more].map(({ release: text, sequence }) => `${text}+${sequence}`);
    throw new WorkspaceError(`revoke ${name}: expected one release, got ${names.join(' and ')}`, {
      code: 'RELEASE_AMBIGUOUS',
      facts: { names },
    });
  }
  const published = await publish(workspace, { revoke: [release.sequence] });
  return { release: { ...release, state: 'revoked' }, published };
}

function isNamed(name: string): (release: ListedRelease) => boolean {
  return ({ release, sequence }) => [release, `${release}+${sequence}`, `+${sequence}`, `${sequence}`].includes(name);
}
