/**
 * A transaction over files of this site that come without a bundle: a licence, a certificate. It needs no engine unless
 * one of its steps does; the journal then names it, and else whoever finishes the transaction needs none.
 */

import { randomBytes } from 'node:crypto';
import type { Progress } from '../../content/index.ts';
import { DockerError, type Engine } from '../../docker/index.ts';
import type { WholeIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import type { FolderTree } from '../files/folder.ts';
import { lineOrWarning } from '../records/import-log.ts';
import type { Outcome, Step } from '../steps/step.ts';
import { type Journal, journalEngine } from './journal.ts';
import { siteFor } from './site.ts';
import { runTransaction } from './transaction.ts';

/** Where it is carried out, and who watches. */
export interface CarryOutSite {
  readonly prefix: string;
  readonly now: Date;
  readonly engine: (socket: string | undefined) => Promise<Engine>;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ChangeSiteOptions {
  readonly about: Pick<Journal, 'command' | 'title' | 'product'>;
  readonly steps: readonly Step[];
  /** Locked. */
  readonly state: SiteState;
  readonly identity: WholeIdentity;
  readonly tree: FolderTree;
  /** The bytes to install, by what stands for their entry. */
  readonly opened: ReadonlyMap<string, Uint8Array>;
  /** For the audit log, once it is done. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** One that answers tells which containers still see an old file. */
  readonly engine: Engine | undefined;
  /** Whether a step cannot be made or undone without it. */
  readonly usesEngine: boolean;
  readonly options: Omit<CarryOutSite, 'engine'>;
}

/** What the steps told beside having been made. */
export interface ChangedSite {
  readonly outcome: Outcome;
  readonly warnings: readonly string[];
}

/** Makes all steps or none. @throws as `runTransaction` */
export async function changeSite(change: ChangeSiteOptions): Promise<ChangedSite> {
  const { about, steps, state, identity, tree, opened, facts, engine, usesEngine } = change;
  const { prefix, now, signal, progress } = change.options;
  const warnings: string[] = [];
  const id = randomBytes(6).toString('hex');
  try {
    const site = await siteFor({
      ...{ id, state, identity, engine, prefix, tree, now, began: performance.now(), signal, progress },
      medium: { ...NO_MEDIUM, opened },
      warn: (line) => warnings.push(line),
      tell: async (became) =>
        became === 'undone'
          ? []
          : lineOrWarning(() => state.appendAudit({ event: about.command, at: now, facts: { ...facts } })),
    });
    const named = usesEngine && engine ? { engine: journalEngine(engine.facts) } : {};
    const started = now.toISOString();
    await runTransaction({ ...about, ...named, id, prefix, started, steps, at: 0, direction: 'forward' }, site);
    return { outcome: site.outcome, warnings };
  } catch (error) {
    // there will be no result to tell them with
    for (const line of warnings) progress?.note(line);
    throw error;
  }
}

const NO_MEDIUM = { bundle: undefined, plans: new Map(), spoolDir: '', onBytes: () => {} };

/** The engine where one answers. @throws what is no error of an engine */
export async function findEngine(connect: CarryOutSite['engine']): Promise<Engine | undefined> {
  return connect(undefined).catch((error: unknown) => {
    if (!(error instanceof DockerError)) throw error;
    return undefined;
  });
}
