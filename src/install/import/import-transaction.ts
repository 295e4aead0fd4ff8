/** The steps of an import run as one transaction, with the medium at hand: what a release and an overlay have in common. */

import { randomBytes } from 'node:crypto';
import type { ImagePlan } from '../../docker/index.ts';
import type { SiteState } from '../../state/index.ts';
import type { FolderTree } from '../files/folder.ts';
import type { ImportLine } from '../records/import-log.ts';
import type { Outcome, Step } from '../steps/step.ts';
import { journalEngine } from '../transaction/journal.ts';
import { siteFor } from '../transaction/site.ts';
import { runTransaction } from '../transaction/transaction.ts';
import { identityOf, prefixOf, progressOf, type Session } from './session.ts';

export interface ImportTransactionOptions {
  readonly state: SiteState;
  readonly tree: FolderTree;
  readonly steps: readonly Step[];
  /** `import atrium 2.1.0 (sequence 7)`. */
  readonly title: string;
  readonly product: string;
  readonly release?: string;
  readonly sequence?: number;
  /** What the audit log will say of it. */
  readonly line: ImportLine;
  /** What will be loaded, and what is there. */
  readonly plans: readonly ImagePlan[];
  /** Files that were read already, by entry. */
  readonly opened: ReadonlyMap<string, Uint8Array>;
}

/** What the steps told beside having been made. */
export interface ImportTransactionResult {
  readonly bytesRead: number;
  readonly outcome: Outcome;
  readonly warnings: readonly string[];
}

/** Makes all steps or none. @throws as `runTransaction` */
export async function runImport(
  session: Session,
  { state, tree, steps, plans, opened, line, ...about }: ImportTransactionOptions,
): Promise<ImportTransactionResult> {
  const { bundle, engine, options, startedAt } = session;
  const warnings: string[] = [];
  let bytesRead = 0;
  const spool = await state.openSpool();
  try {
    const medium = {
      bundle,
      opened,
      // an image of two names is planned twice: the first loads it, the second has it
      plans: new Map(plans.toReversed().map((plan) => [plan.imageID, plan])),
      spoolDir: spool.dir,
      onBytes: (bytes: number) => {
        bytesRead += bytes;
      },
    };
    const id = randomBytes(6).toString('hex');
    const [prefix, now] = [prefixOf(session), options.now];
    const site = await siteFor({
      ...{ id, state, identity: identityOf(session), engine, prefix, tree, now, began: startedAt, medium },
      ...{ signal: options.signal, progress: progressOf(session), warn: (text) => warnings.push(text) },
      tell: async (became) => (became === 'finished' ? session.log.tell(line) : []),
    });
    const journal = { id, command: 'import', ...about, prefix, started: now.toISOString(), steps, at: 0 } as const;
    const asked = engine && { engine: journalEngine(engine.facts) };
    await runTransaction({ ...journal, ...asked, direction: 'forward' }, site);
    return { bytesRead, outcome: site.outcome, warnings };
  } catch (error) {
    // there will be no result to tell them with
    for (const text of warnings) progressOf(session).note(text);
    throw error;
  } finally {
    await spool.remove();
  }
}
