/** What all kinds of import have at hand once the bundle is open and its chain is judged; and what several of them do. */

import type { Bundle } from '../../bundle/index.ts';
import { type Progress, silentProgress } from '../../content/index.ts';
import type { Engine } from '../../docker/index.ts';
import type { SitePolicy } from '../../manifest/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import type { SiteState, SiteStateReader } from '../../state/index.ts';
import type { Accepted } from '../../trust/index.ts';
import type { FilePlan } from '../files/file-plan.ts';
import { hostPath } from '../files/host-path.ts';
import type { KnownSite } from '../judge/judge.ts';
import type { ImportLog } from '../records/import-log.ts';
import type { Findings } from './preflight.ts';
import type { ImportedFile, ImportOptions } from './result.ts';
import type { SpaceNeed } from './space.ts';

/** A tar and what is in force, judged with the chain that it carries. */
export interface CarriedBundle {
  readonly bundle: Bundle;
  readonly accepted: Accepted;
}

/** One import under way. */
export interface Session {
  readonly options: ImportOptions;
  /** To write to; none in a dry run. */
  readonly state: SiteState | undefined;
  /** To read from; none on a host that has no state yet. */
  readonly reader: SiteStateReader | undefined;
  /** A release has one; a catalogue or an overlay may do without. */
  readonly engine: Engine | undefined;
  readonly bundle: Bundle;
  /** The overlay of this site that lies beside a release in its folder. */
  readonly overlay: CarriedBundle | undefined;
  readonly known: KnownSite;
  readonly accepted: Accepted;
  /** None only in a dry run on a site that is not pinned. */
  readonly identity: SiteIdentity | undefined;
  /** The operator's own rules. */
  readonly policy: SitePolicy;
  /** What stands in the way so far, an engine that does not answer among it. */
  readonly findings: Findings;
  /** Where what it did is written down. */
  readonly log: ImportLog;
  /** `performance.now()` of the beginning. */
  readonly startedAt: number;
}

/** A session whose engine is there: what a release needs. */
export type ReleaseSession = Session & { readonly engine: Engine };

/** Who this site is, once something is to be changed. */
export function identityOf({ identity }: Session): SiteIdentity {
  if (identity === undefined) throw new TypeError('expected the identity of a site that is changed');
  return identity;
}

/** Whoever watches, or nobody. */
export function progressOf({ options }: Session): Progress {
  return options.progress ?? silentProgress;
}

/** What stands before every installed path. */
export function prefixOf({ options }: Session): string {
  return options.prefix ?? '/';
}

/** Where no release may write. */
export function ownOf(session: Session): { readonly stateDir: string; readonly prefix: string } {
  return { stateDir: session.options.stateDir, prefix: prefixOf(session) };
}

/** What became of the files, or will; of one that is kept, what it is here. */
export function importedFiles(session: Session, plan: Pick<FilePlan, 'files'>): readonly ImportedFile[] {
  return plan.files.map(({ file, found, action }) => ({
    path: hostPath(prefixOf(session), file.path),
    action,
    digest: action === 'kept' && found !== undefined ? found.digest : file.digest,
  }));
}

/** The room that files take where they go. */
export function fileNeeds(session: Session, plan: Pick<FilePlan, 'files'>): readonly SpaceNeed[] {
  const changed = plan.files.filter(({ action }) => action === 'installed');
  return changed.map(({ file }) => ({ path: hostPath(prefixOf(session), file.path), bytes: file.size, what: 'files' }));
}
