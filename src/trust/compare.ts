/**
 * Stored or carried: which catalogue is in force. Always a whole one; the one under the newer timestamp. Two that
 * contradict each other, by numbers or by bytes under one number, are refused whichever came first (FORMAT §2).
 */
import type { Catalogue } from './catalogue.ts';
import { isCatalogueSignedBy } from './catalogue.ts';
import { TrustError } from './error.ts';
import type { MetadataFile } from './metadata.ts';
import type { RootView } from './root.ts';

export interface Choice {
  readonly effective: Catalogue;
  readonly source: 'carried' | 'stored';
  /** Those whose signatures hold under the root in force, so that their `issued` may raise the clock. */
  readonly proven: readonly Catalogue[];
  readonly warnings: readonly string[];
}

export interface Candidates {
  /** As stored, if it is to be remembered; its signatures were proven when it was stored. */
  readonly stored: Catalogue | undefined;
  readonly carried: Catalogue;
}

/**
 * Chooses the catalogue in force under a root.
 * @throws {TrustError} `ROLLBACK`, `EQUIVOCATION`; `SIGNATURE_THRESHOLD` when the root names other keys for both.
 */
export function chooseCatalogue(root: RootView, { stored, carried }: Candidates): Choice {
  const isCarriedProven = isCatalogueSignedBy(root, carried);
  const isStoredProven = stored !== undefined && isCatalogueSignedBy(root, stored);
  const proven = [...(isCarriedProven ? [carried] : []), ...(stored && isStoredProven ? [stored] : [])];
  if (!isCarriedProven) {
    if (!stored || !isStoredProven) throw unsigned(root, carried);
    return { effective: stored, source: 'stored', proven, warnings: [dropped(root, carried)] };
  }
  if (!stored) return { effective: carried, source: 'carried', proven, warnings: [] };
  const isNewer = carried.timestamp.version > stored.timestamp.version;
  checkOrder(isNewer ? { older: stored, newer: carried } : { older: carried, newer: stored });
  if (isNewer) return { effective: carried, source: 'carried', proven, warnings: [] };
  if (!isStoredProven) throw rollback(carried.timestamp, stored.timestamp.version + 1);
  return { effective: stored, source: 'stored', proven, warnings: older(carried, stored) };
}

/** TUF 1.0 §5.4.3, §5.5.5: no number goes back under a newer timestamp; and one number has one content. */
function checkOrder({ older, newer }: { older: Catalogue; newer: Catalogue }): void {
  for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
    if (newer[role].version < older[role].version) throw rollback(newer[role], older[role].version);
    if (newer[role].version === older[role].version) checkSame(older[role], newer[role]);
  }
}

function checkSame(one: MetadataFile, other: MetadataFile): void {
  if (Buffer.from(one.bytes).equals(other.bytes)) return;
  throw new TrustError(
    `judge catalogue: two different ${one.role} files carry the number ${one.version}, both signed: its key may be misused`,
    { code: 'EQUIVOCATION', facts: { role: one.role, version: one.version } },
  );
}

function rollback({ role, version }: MetadataFile, least: number): TrustError {
  return new TrustError(`judge catalogue: expected ${role} ${least} or later, got ${version}`, {
    code: 'ROLLBACK',
    facts: { role, expected: least, got: version },
  });
}

function unsigned(root: RootView, carried: Catalogue): TrustError {
  const { version } = carried.timestamp;
  return new TrustError(
    `judge catalogue: expected one that the keys of root ${root.version} signed, got catalogue ${version} of replaced keys`,
    { code: 'SIGNATURE_THRESHOLD', facts: { root: root.version, catalogue: version } },
  );
}

function dropped(root: RootView, carried: Catalogue): string {
  return `the bundle's catalogue ${carried.timestamp.version} is signed by keys that root ${root.version} has replaced: judged by the site's own catalogue`;
}

function older(carried: Catalogue, stored: Catalogue): string[] {
  if (carried.timestamp.version === stored.timestamp.version) return [];
  return [
    `the bundle's catalogue ${carried.timestamp.version} is older than this site's ${stored.timestamp.version}: judged by the newer`,
  ];
}
