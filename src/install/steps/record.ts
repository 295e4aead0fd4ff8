/**
 * The last of an import or a rollback: the receipt is signed, the drafted folder takes its place, `releases/current`
 * points at it and the release floor follows. All overrides are in the audit log before, for what cannot be written
 * down is not done. FORMAT §4, §7.
 */

import { findSiteTrust, storedTrust } from '../judge/site-trust.ts';
import { type ReceiptFacts, signReceipt } from '../records/receipt.ts';
import type { Site, Step, StepKind } from './step.ts';

export interface RecordData {
  readonly sequence: number;
  /** Where `releases/current` pointed; `null` where nothing was ever installed. */
  readonly current: number | null;
  /** Whether this release has no folder here yet. */
  readonly isNew: boolean;
  /** Below which nothing is installed any more; `null` for none. */
  readonly floor: { readonly before: number | null; readonly after: number | null };
  readonly receipt: ReceiptFacts;
}

/** The step that makes a release the installed one. */
export function record(data: RecordData): Step<RecordData> {
  return { kind: 'record', name: `record release ${data.sequence}`, data };
}

export const recordStep: StepKind<RecordData> = {
  isResumable: true,
  apply: async ({ sequence, floor, receipt }, site) => {
    const { state } = site;
    for (const { flag, reason } of receipt.overrides) {
      const facts = { flag, reason, release: receipt.release, sequence };
      await state.appendAudit({ event: 'override', at: site.now, facts });
    }
    const draft = await state.findDraft(sequence);
    await draft?.put('receipt.json', signReceipt(receipt, { ...site, auditHead: await state.findAuditHead() }));
    await state.commitDraft(sequence);
    await setFloor(site, floor.after);
  },
  undo: async ({ sequence, current, isNew, floor }, site) => {
    await setFloor(site, floor.before);
    await site.state.revertDraft(sequence, { previous: current ?? undefined, isNew });
  },
  settle: ({ sequence }, { state }) => state.settleDraft(sequence),
};

async function setFloor({ state }: Site, floor: number | null): Promise<void> {
  const trust = await findSiteTrust(state);
  // not written where nothing changes: the way back must not need room for it
  if (trust === undefined || (trust.floors.release ?? null) === floor) return;
  const { release: _, ...floors } = trust.floors;
  await state.writeTrust(storedTrust({ ...trust, floors: { ...floors, ...(floor !== null && { release: floor }) } }));
}
