/**
 * What a site without any history would say of the tars that are to travel together: one office, one chain of roots,
 * nothing that has ended or was taken back. With the office's own root at hand, they must be under exactly that one:
 * its fingerprint is on the approval sheet. Pure.
 */
import { type Accepted, acceptChain, acceptRelease, acceptSiteFiles, pinRoot } from '../trust/index.ts';
import { MediaError } from './error.ts';
import type { Tar } from './tars.ts';

export interface JudgeOptions {
  /** The workspace's root.json. @default not compared */
  readonly officeRoot?: Uint8Array | undefined;
  readonly now: Date;
  readonly buildTime?: Date | undefined;
}

/** What they are together. */
export interface Judged {
  /** The newest root: the file to carry. */
  readonly root: Uint8Array;
  /** All roots that any of them carries, in order. */
  readonly roots: readonly Uint8Array[];
  readonly importableUntil: Date;
  /** Overlays that a newer catalogue among them takes back. */
  readonly superseded: readonly Tar[];
}

/**
 * Judges tars, at least one.
 * @throws {MediaError} `KIT_ROOT`; {TrustError} `ROOT_MISMATCH` for two offices, `EXPIRED`, `RELEASE_NOT_LISTED`, and
 * whatever else a site refuses
 */
export function judgeTars(tars: readonly Tar[], { officeRoot, now, buildTime = now }: JudgeOptions): Judged {
  const roots = tars.map(({ chain }) => chain.roots).reduce((a, b) => (b.length > a.length ? b : a));
  const root = roots.at(-1) as Uint8Array; // a chain has at least one
  if (officeRoot !== undefined && !Buffer.from(root).equals(officeRoot)) throw otherRoot(roots.length);
  let trust = pinRoot(roots[0] as Uint8Array, { confirmed: false });
  const accepted = new Map<Tar, Accepted>();
  // the newest first: it is in force for those that follow
  for (const tar of tars.toSorted((a, b) => b.catalogue - a.catalogue || b.chain.roots.length - a.chain.roots.length)) {
    const said = acceptChain(trust, tar.chain, { systemTime: now, buildTime, product: tar.product });
    trust = said.next;
    accepted.set(tar, said);
  }
  return { root, roots, ...judgeContents(accepted) };
}

function judgeContents(accepted: ReadonlyMap<Tar, Accepted>): Pick<Judged, 'importableUntil' | 'superseded'> {
  const superseded: Tar[] = [];
  for (const [tar, said] of accepted) {
    // that it is a step back is for each site to judge
    if (tar.releaseBytes !== undefined) acceptRelease(said, tar.releaseBytes, { allowDowngrade: true });
    if (tar.site === undefined || tar.siteDocument === undefined) continue;
    if (acceptSiteFiles(said, tar.site, tar.siteDocument) === 'superseded') superseded.push(tar);
  }
  const [newest] = accepted.values();
  return { importableUntil: (newest as Accepted).effective.expires, superseded };
}

function otherRoot(version: number): MediaError {
  return new MediaError(`judge bundles: expected root.json of the workspace, got root ${version}, which is another`, {
    code: 'KIT_ROOT',
    facts: { version },
  });
}
