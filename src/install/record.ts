/**
 * The written side of an import as steps: the release's folder is drafted first, with all that a later rollback needs;
 * receipt, folder, link and release floor come last, when images and files are in place. FORMAT §4, §7.
 */

import { join } from 'node:path';
import type { ReleaseDocument, ReleaseFile } from '../manifest/index.ts';
import type { ReleaseDraft, SiteState } from '../state/index.ts';
import { raiseReleaseFloor } from '../trust/index.ts';
import { OVERRIDE } from './compose.ts';
import { provenEntry } from './medium.ts';
import {
  findOperator,
  type Override,
  type ReceiptFacts,
  type ReceiptFile,
  type ReceiptImage,
  receiptEngine,
  signReceipt,
} from './receipt.ts';
import { identityOf, type ReleaseSession } from './session.ts';
import { storedTrust } from './site-trust.ts';
import type { Step } from './step.ts';

export interface RecordOptions {
  readonly release: ReleaseDocument;
  /** release.json as carried. */
  readonly document: Uint8Array;
  /** The text of the compose override, where there is one. */
  readonly override: string | undefined;
  readonly images: readonly ReceiptImage[];
  readonly files: readonly ReceiptFile[];
  readonly overrides: readonly Override[];
  /** The sequence that is installed before. */
  readonly previous: number | undefined;
}

/** The two steps: `draft` before anything else of the import, `record` after all of it. */
export function recordSteps(
  session: ReleaseSession,
  state: SiteState,
  options: RecordOptions,
): { readonly draft: Step; readonly record: Step } {
  let draft: ReleaseDraft | undefined;
  const { release } = options;
  return {
    draft: {
      name: `keep release ${release.release}`,
      apply: async () => {
        draft = await state.draftRelease(release.sequence);
        await draft.put('release.json', options.document);
        if (options.override !== undefined) await draft.put(OVERRIDE, Buffer.from(options.override));
        for (const file of keptFiles(release)) {
          await draft.putStream(join('files', file.name), provenEntry(session.bundle, `files/${file.name}`, file));
        }
      },
      undo: () => state.dropDraft(release.sequence),
      settle: () => state.settleDraft(release.sequence),
    },
    record: {
      name: `record release ${release.release}`,
      apply: async () => {
        await draft?.put('receipt.json', await receiptOf(session, options));
        await state.commitDraft(release.sequence);
        await state.writeTrust(storedTrust(raiseReleaseFloor(session.accepted.next, release.sequence)));
      },
      undo: async () => {
        await state.writeTrust(storedTrust(session.accepted.next));
        await state.revertDraft(release.sequence, options.previous);
      },
    },
  };
}

/** All files of the release but ferry's own executables, which are large and no release's. */
export function keptFiles(release: ReleaseDocument): readonly ReleaseFile[] {
  return release.files.filter((file) => file.ferry === undefined);
}

async function receiptOf(session: ReleaseSession, options: RecordOptions): Promise<Buffer> {
  const { accepted, engine, startedAt } = session;
  const { release, images, files, overrides, previous } = options;
  const { now } = session.options;
  const { floors } = raiseReleaseFloor(accepted.next, release.sequence);
  const facts: ReceiptFacts = {
    product: release.product,
    release: release.release,
    sequence: release.sequence,
    result: 'installed',
    started: now.toISOString(),
    engine: receiptEngine(engine.facts),
    images,
    files,
    floors: {
      release: floors.release ?? release.sequence,
      catalogue: accepted.effective.timestamp,
      root: accepted.effective.root,
    },
    overrides,
    previous: previous ?? 0,
    operator: await findOperator(),
  };
  return signReceipt(facts, { identity: identityOf(session), now, began: startedAt });
}
