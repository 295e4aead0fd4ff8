/** The last of an import, when all is done and recorded: the copy of the receipt on the medium, and a word about it. */

import { deliverReceipt } from '../records/deliver-receipt.ts';
import type { ImportResult } from './result.ts';
import type { Session } from './session.ts';

/**
 * The result with what became of the copy. A release that was here already gets its receipt too: the stick may have been
 * pulled, or the import been finished by a recovery, before it was written.
 */
export async function withReceiptCopy(session: Session, result: ImportResult): Promise<ImportResult> {
  const { state, identity, bundle, options } = session;
  const { sequence } = result;
  if (state === undefined || identity === undefined || result.receipt === undefined || sequence === undefined) {
    return result;
  }
  const receipt = await state.findReleaseFile(sequence, 'receipt.json');
  if (receipt === undefined) return result;
  const isDeclined = options.receiptOnMedium === false;
  const { warning, ...receiptCopy } = await deliverReceipt({
    ...{ receipt, identity, bundle: bundle.path, isDeclined },
    onReceipt: options.onReceipt,
  });
  return { ...result, receiptCopy, warnings: [...result.warnings, ...(warning === undefined ? [] : [warning])] };
}
