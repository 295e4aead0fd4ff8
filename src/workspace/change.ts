/**
 * What a change means for the ledger: which sequence a content has or gets, which bytes stand for it, what is listed
 * afterwards (FORMAT §2, "Sequence"). Reads stored targets, writes nothing: `publish.ts` does, under the lock.
 */

import type { Digest } from '../oci/index.ts';
import { digestHex, digestOf } from '../oci/index.ts';
import type { TargetEntry } from '../trust/index.ts';
import { formatTime, releaseTarget, showRelease, siteFilesPath, siteFilesTarget } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { Ledger, LedgerRelease } from './ledger.ts';
import type { Workspace } from './open.ts';
import { findTarget } from './store.ts';

/** A release to list. */
export interface ReleaseProposal {
  /** Its name today; with the ledger's date for a content that is known. */
  readonly release: (issued: Date) => string;
  readonly content: Digest;
  /** Canonical release.json under these numbers. */
  readonly build: (numbers: { readonly sequence: number; readonly issued: Date }) => Uint8Array;
  /** Take other releases of that name off the list. @default false */
  readonly revokeFormer?: boolean;
}

/** A site's files to list. */
export interface SiteProposal {
  /** A siteID, or `any`. */
  readonly site: string;
  /** Canonical site-files.json with this time: when it differs from the stored one in nothing else, that is used. */
  readonly build: (issued: string) => Uint8Array;
}

/** A change of what may be installed. */
export interface CatalogueChange {
  readonly release?: ReleaseProposal;
  readonly sites?: readonly SiteProposal[];
  /** Sequences to take off the list. */
  readonly revoke?: readonly number[];
}

/** A release as it was numbered and first signed. */
export interface PublishedRelease {
  readonly release: string;
  readonly sequence: number;
  /** `2.1.0`, or `2.1.0+7` where another sequence has the same name. */
  readonly shown: string;
  readonly issued: string;
  readonly bytes: Uint8Array;
}

/** Site files as they are listed. */
export interface PublishedSite {
  readonly site: string;
  readonly bytes: Uint8Array;
}

/** What must be written for a change, and what follows from it. */
export interface PlannedChange {
  readonly ledger: Ledger;
  readonly isChanged: boolean;
  readonly entries: readonly TargetEntry[];
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  readonly published: (ledger: Ledger) => {
    readonly release?: PublishedRelease;
    readonly sites: readonly PublishedSite[];
  };
}

interface Numbered {
  readonly release: LedgerRelease;
  readonly bytes: Uint8Array;
}

/** Works out a change. @throws {WorkspaceError} `RELEASE_REVOKED` for a content that was revoked by hand */
export async function planChange(
  workspace: Workspace,
  { ledger, change }: { readonly ledger: Ledger; readonly change: CatalogueChange },
): Promise<PlannedChange> {
  const proposed = change.release && (await numberRelease(workspace, ledger, change.release));
  const sites = await Promise.all((change.sites ?? []).map((site) => listSite(workspace, ledger, site)));
  const next: Ledger = {
    ...ledger,
    sequence: Math.max(ledger.sequence, proposed?.release.sequence ?? 0),
    releases: listReleases(ledger, change, proposed?.release),
    sites: [
      ...ledger.sites.filter(({ site }) => !sites.some((other) => other.site === site)),
      ...sites.map(({ site, entry }) => ({ site, entry })),
    ],
  };
  return {
    ledger: next,
    isChanged: JSON.stringify(next) !== JSON.stringify(ledger),
    entries: entriesOf(next),
    files: [
      ...(proposed ? [{ path: proposed.release.entry.path, bytes: proposed.bytes }] : []),
      ...sites.map(({ entry, bytes }) => ({ path: entry.path, bytes })),
    ],
    published: (numbered) => ({
      ...(proposed && { release: describe(proposed, numbered) }),
      sites: sites.map(({ site, bytes }) => ({ site, bytes })),
    }),
  };
}

/** All that is listed. */
export function entriesOf({ releases, sites }: Ledger): readonly TargetEntry[] {
  const listed = releases.filter(({ state }) => state === 'listed');
  return [...listed.map(({ entry }) => entry), ...sites.map(({ entry }) => entry)];
}

/** The newest entry of this content, with its first bytes; else the next number. */
async function numberRelease(workspace: Workspace, ledger: Ledger, proposal: ReleaseProposal): Promise<Numbered> {
  const content = digestHex(proposal.content);
  const known = ledger.releases.findLast((release) => release.content === content);
  if (known?.state === 'revoked') throw revoked(known);
  if (known?.state === 'listed') {
    const bytes = await firstBytes(workspace, known, proposal);
    if (bytes !== undefined) return { release: known, bytes };
  }
  const { now } = workspace.options;
  const sequence = ledger.sequence + 1;
  const bytes = proposal.build({ sequence, issued: now });
  const fields = { release: proposal.release(now), sequence, content, issued: formatTime(now) };
  const entry = releaseTarget({ ...fields, product: workspace.product, bytes });
  return { release: { ...fields, state: 'listed', entry }, bytes };
}

/** As first signed; built again where only the list survived (a restore) and it comes to the same. */
async function firstBytes(
  { paths }: Workspace,
  { entry, sequence, issued }: LedgerRelease,
  { build }: ReleaseProposal,
): Promise<Uint8Array | undefined> {
  const candidates = [await findTarget(paths, entry.path), build({ sequence, issued: new Date(issued) })];
  return candidates.find((bytes) => bytes !== undefined && digestHex(digestOf(bytes)) === entry.sha256);
}

function listReleases(
  { releases }: Ledger,
  { revoke = [], release: proposal }: CatalogueChange,
  proposed: LedgerRelease | undefined,
): readonly LedgerRelease[] {
  const all = proposed && !releases.includes(proposed) ? [...releases, proposed] : releases;
  return all.map((release): LedgerRelease => {
    if (revoke.includes(release.sequence)) return { ...release, state: 'revoked' };
    const isFormer = release.release === proposed?.release && release.sequence !== proposed.sequence;
    if (isFormer && proposal?.revokeFormer && release.state === 'listed') return { ...release, state: 'superseded' };
    return release;
  });
}

async function listSite({ paths, product, options }: Workspace, ledger: Ledger, { site, build }: SiteProposal) {
  const known = ledger.sites.find((other) => other.site === site);
  const stored = known && (await findTarget(paths, siteFilesPath(site)));
  const issuedBefore = stored && (JSON.parse(Buffer.from(stored).toString()) as { issued: string }).issued;
  const isListed = known && stored && digestHex(digestOf(stored)) === known.entry.sha256;
  if (isListed && issuedBefore && Buffer.from(build(issuedBefore)).equals(stored)) {
    return { site, entry: known.entry, bytes: stored };
  }
  const issued = formatTime(options.now);
  const bytes = build(issued);
  return { site, entry: siteFilesTarget({ product, site, issued, bytes }), bytes };
}

function describe({ release: { release, sequence, issued }, bytes }: Numbered, ledger: Ledger): PublishedRelease {
  return { release, sequence, issued, bytes, shown: showRelease({ release, sequence }, ledger.releases) };
}

function revoked({ release, sequence }: LedgerRelease): WorkspaceError {
  return new WorkspaceError(
    `number release ${release}: expected content that may be installed, got sequence ${sequence}, which was revoked`,
    {
      code: 'RELEASE_REVOKED',
      facts: { release, sequence },
    },
  );
}
