/**
 * A copy of the receipt beside the bundle, so that it travels back to the office on the stick that came: shown before it
 * is written, whole or not at all, and never over another file. A stick that can only be read takes none, which is no
 * fault; that it fails otherwise is said, and the import stays done. FORMAT §4, DESIGN "Command line".
 */

import { dirname, join } from 'node:path';
import { ContentError, findFileBounded, writeNew } from '../../content/index.ts';
import { messageOf } from '../../errors.ts';
import type { SiteIdentity } from '../../site/index.ts';
import { MAX_ENVELOPE_BYTES } from '../../trust/index.ts';
import { isReadOnly, type MediumCopy, removeDrafts } from './beside-bundle.ts';
import { openReceipt, type SignedReceipt } from './signed-receipt.ts';

export interface DeliverReceiptOptions {
  /** As it stands in the state. */
  readonly receipt: Uint8Array;
  readonly identity: SiteIdentity;
  /** Path of the bundle. */
  readonly bundle: string;
  /** Whether the operator wants none there. @default false */
  readonly isDeclined?: boolean | undefined;
  /** Shows a person what is about to be written, and where. */
  readonly onReceipt?: ((receipt: SignedReceipt, path: string) => void) | undefined;
}

/** Writes the copy; never throws for what a medium may do. */
export async function deliverReceipt(options: DeliverReceiptOptions): Promise<MediumCopy> {
  const { receipt, identity, bundle, isDeclined, onReceipt } = options;
  if (isDeclined) return { action: 'declined' };
  const content = openReceipt(receipt, identity);
  const path = join(dirname(bundle), receiptName(content));
  try {
    if (await isReadOnly(dirname(bundle))) return { action: 'read-only' };
    await removeDrafts(dirname(bundle), draftName(content));
    if (await isThere(path, receipt)) return { action: 'same', path };
    onReceipt?.(content, path);
    return { action: (await writeNew(path, receipt)) === 'written' ? 'written' : 'same', path };
  } catch (error) {
    if (error instanceof ContentError && error.code === 'READ_ONLY') return { action: 'read-only' };
    return { action: 'failed', warning: `no copy of the receipt on the medium: ${messageOf(error)}` };
  }
}

/** `<product>-<site>-<sequence>-<YYYYMMDDTHHMMSSZ>.receipt.json`. */
function receiptName({ product, site, sequence, finished }: SignedReceipt): string {
  const time = `${finished.slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  return `${product}-${site}-${sequence}-${time}.receipt.json`;
}

/** A pattern for the names of all receipts of this site. */
function draftName({ product, site }: SignedReceipt): string {
  return `${product}-${site}-\\d+-\\d{8}T\\d{6}Z\\.receipt\\.json`;
}

/** Whether a former import has written it: there is nothing to show then. */
async function isThere(path: string, receipt: Uint8Array): Promise<boolean> {
  return (await findFileBounded(path, { max: MAX_ENVELOPE_BYTES }))?.equals(receipt) === true;
}
