/** The catalogue as it is stored: proven before it was stored, so here it is only read. */

import { parseJSON } from '../../content/index.ts';
import { digestOf } from '../../oci/index.ts';

/** What is read of one role's metadata. */
export interface StoredPart {
  readonly version: number;
  readonly expires: string;
  readonly issued?: string;
  readonly targets?: Readonly<Record<string, StoredTarget>>;
}

interface StoredTarget {
  readonly hashes?: { readonly sha256?: string };
  readonly custom?: { readonly product?: string };
}

/** The signed part of stored metadata. */
export function storedPart(bytes: Uint8Array): StoredPart {
  return (parseJSON(bytes, 'stored catalogue') as { signed: StoredPart }).signed;
}

/** The product that the stored targets are of; none where they list nothing. */
export function storedProduct(targets: Uint8Array): string | undefined {
  const [first] = Object.values(storedPart(targets).targets ?? {});
  return first?.custom?.product;
}

/** Whether the stored targets list a release.json: if not, it was revoked, or a later one has replaced it. */
export function isListed(targets: Uint8Array, document: Uint8Array): boolean {
  const digest = digestOf(document);
  return Object.values(storedPart(targets).targets ?? {}).some(({ hashes }) => `sha256:${hashes?.sha256}` === digest);
}
