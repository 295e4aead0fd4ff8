/**
 * The ledger of a workspace that goes on after a loss: from the newest bundle that was found. Others may have been made
 * since, so all numbers go on 1000 above the highest known; root alone has to be the very next (FORMAT §2).
 */
import { digestHex, digestOf } from '../oci/index.ts';
import type { Chain } from '../trust/index.ts';
import { parseEntry, readChain } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { Ledger, LedgerKey, LedgerRelease, LedgerSite } from './ledger.ts';

/** How far above the highest known number the next one is. */
export const RESTORE_GAP = 1000;

export interface RestoreOptions {
  readonly product: string;
  /** The bundle's release.json. */
  readonly release?: Uint8Array | undefined;
  readonly keys: readonly LedgerKey[];
}

/**
 * The ledger, and the targets whose bytes are known.
 * @throws {WorkspaceError} `WORKSPACE_INVALID` when the bundle is another product's; {TrustError} as `readChain`
 */
export function restoredLedger(
  chain: Chain,
  { product, release, keys }: RestoreOptions,
): { ledger: Ledger; targets: readonly { path: string; bytes: Uint8Array }[] } {
  const view = readChain(chain);
  const releases: LedgerRelease[] = [];
  const sites: LedgerSite[] = [];
  for (const entry of view.entries) {
    const parsed = parseEntry(entry);
    if (parsed !== undefined && parsed.product !== product) throw otherProduct(product, parsed.product);
    if (parsed?.kind === 'site-files') sites.push({ site: parsed.site, entry });
    if (parsed?.kind !== 'release') continue;
    const { sequence, release: name, content, issued } = parsed;
    releases.push({ sequence, release: name, content, issued, state: 'listed', entry });
  }
  releases.sort((a, b) => a.sequence - b.sequence);
  const after = (highest: number) => highest + RESTORE_GAP - 1;
  const ledger: Ledger = {
    versions: {
      root: view.root.version,
      targets: after(view.targets.version),
      snapshot: after(view.snapshot.version),
      timestamp: after(view.timestamp.version),
    },
    sequence: after(releases.at(-1)?.sequence ?? 0),
    releases,
    sites,
    keys,
  };
  const carried = release && releases.find(({ entry }) => entry.sha256 === digestHex(digestOf(release)));
  return { ledger, targets: carried && release ? [{ path: carried.entry.path, bytes: release }] : [] };
}

function otherProduct(expected: string, got: string): WorkspaceError {
  return new WorkspaceError(`restore workspace: expected a bundle of ${expected}, got one of ${got}`, {
    code: 'WORKSPACE_INVALID',
    facts: { expected, got },
  });
}
