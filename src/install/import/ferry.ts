/** Ferry itself in an import: planned with the rest, and told in the result and in the receipt. */

import { arch } from 'node:os';
import type { ReleaseDocument } from '../../manifest/index.ts';
import { machineOf } from '../executable/choose.ts';
import { type FerryPlan, planFerry } from '../executable/plan.ts';
import type { FolderTree } from '../files/folder.ts';
import type { ReceiptFile } from '../records/receipt.ts';
import { prefixOf, type Session } from './session.ts';

/** What becomes of the executable that a release carries for this machine. @throws as `planFerry` */
export function planReleaseFerry(
  session: Session,
  { files }: Pick<ReleaseDocument, 'files'>,
  tree: FolderTree,
): Promise<FerryPlan> {
  const { ferry, running, dockerHost, stateDir } = session.options;
  const about = { files, tree, prefix: prefixOf(session), machine: machineOf(arch()) };
  return planFerry({ ...about, isWanted: ferry !== false, running, unit: { state: stateDir, dockerHost } });
}

/** The executable in the receipt, where it is the one that is used from now on. */
export function ferryReceipt({ outcome }: FerryPlan): readonly ReceiptFile[] {
  if (outcome?.action !== 'installed' && outcome?.action !== 'same') return [];
  const { path, action, digest } = outcome;
  return [{ path, action, digest }];
}
