/**
 * The site's decision: which root and which catalogue are in force once a chain was carried here. A pure function of
 * what the site believed, the bytes and the clocks; the caller stores `next`, also the one of a refusal.
 * Follows TUF 1.0 §5.3 to §5.6 with the profile of FORMAT §2 "On the site": the whole chain under the newer timestamp,
 * never a mix; an older chain is no error; floors of replaced keys are forgotten; expiry is judged at the very end.
 */
import type { Catalogue, TargetEntry } from './catalogue.ts';
import { readCatalogue } from './catalogue.ts';
import type { Chain, ChainView } from './chain.ts';
import { endOf, readChain } from './chain.ts';
import type { Clocks } from './clock.ts';
import { clockOf, clockWarnings, formatTime, latest } from './clock.ts';
import { chooseCatalogue } from './compare.ts';
import { parseEntry } from './entry.ts';
import { TrustError } from './error.ts';
import type { RootView } from './root.ts';
import { hasDroppedCatalogueKey, isSignedBy, readRoot } from './root.ts';
import type { SiteTrust } from './site-trust.ts';

export interface AcceptOptions extends Clocks {
  /** The product that this site runs; a catalogue of another is refused. @default any */
  readonly product?: string;
}

/** The catalogue in force. */
export interface Effective {
  /** Version numbers of the four roles. */
  readonly root: number;
  readonly timestamp: number;
  readonly snapshot: number;
  readonly targets: number;
  readonly entries: readonly TargetEntry[];
  /** The first instant at which one of the four is no longer valid. */
  readonly expires: Date;
  /** When the timestamp was signed; absent only in catalogues that ferry did not make. */
  readonly issued: Date | undefined;
}

/** What follows from a carried chain. */
export interface Accepted {
  /** To be stored before anything is installed, so that a revocation stays known when the install fails. */
  readonly next: SiteTrust;
  readonly effective: Effective;
  /** Whose catalogue is in force: the bundle's, or the newer one that the site had. */
  readonly source: 'carried' | 'stored';
  /** The carried chain, proven by itself. */
  readonly carried: ChainView;
  /** The time that expiry was judged by. */
  readonly clock: Date;
  /** For people: lines without a full stop. */
  readonly warnings: readonly string[];
}

/**
 * Decides what is in force after `carried` arrived at a site.
 * @throws {TrustError} `NOT_PINNED`, `ROOT_MISMATCH` (another publisher's), `ROLLBACK`, `EQUIVOCATION`, `EXPIRED`,
 * `WRONG_PRODUCT`, and all of `readChain`; `error.next` is what was proven and must be stored nevertheless.
 */
export function acceptChain(site: SiteTrust | undefined, carried: Chain, options: AcceptOptions): Accepted {
  if (!site) {
    throw new TrustError('judge bundle: expected a pinned root, got a site that trusts nobody yet', {
      code: 'NOT_PINNED',
    });
  }
  const view = readChain(carried);
  const { root, known } = followRoots(site, view);
  return keeping(known, () => {
    const choice = chooseCatalogue(root, {
      stored: known.chain && readCatalogue(known.chain),
      carried: view.catalogue,
    });
    const accepted = describe({ known, root, view, options, ...choice });
    return keeping(accepted.next, () => {
      checkExpiry(root, choice.effective, accepted);
      checkProduct(accepted.effective.entries, options.product);
      return accepted;
    });
  });
}

/** The root in force, and the site's view under it: without a catalogue and clock when their keys were replaced. */
function followRoots(site: SiteTrust, view: ChainView): { root: RootView; known: SiteTrust } {
  const pinned = readRoot(site.root);
  const same = view.roots[pinned.version - 1];
  if (!same) return { root: pinned, known: site }; // the bundle is older than what the site knows
  if (!Buffer.from(same.bytes).equals(site.root)) throw otherRoot(pinned, same);
  // the chain proved every later root by the one before, so all that follow the pinned one are proven by it
  const walked = view.roots.slice(pinned.version - 1);
  const isReset = walked.some(
    (root, index) => index > 0 && hasDroppedCatalogueKey(walked[index - 1] as RootView, root),
  );
  const { chain, clock, ...kept } = site;
  const floors = isReset ? {} : { ...(chain && { chain }), ...(clock && { clock }) };
  return { root: view.root, known: { ...kept, ...floors, root: view.root.bytes } }; // TUF 1.0 §5.3.11
}

function otherRoot(pinned: RootView, got: RootView): TrustError {
  if (isSignedBy(pinned, got.file)) {
    return new TrustError(`verify roots: two different roots carry the number ${pinned.version}, both signed`, {
      code: 'EQUIVOCATION',
      facts: { role: 'root', version: pinned.version },
    });
  }
  return new TrustError(`verify roots: expected root ${pinned.version} to be the pinned one, got another publisher's`, {
    code: 'ROOT_MISMATCH',
    facts: { version: pinned.version },
  });
}

interface Judged {
  readonly known: SiteTrust;
  readonly root: RootView;
  readonly view: ChainView;
  readonly options: AcceptOptions;
  readonly effective: Catalogue;
  readonly source: 'carried' | 'stored';
  readonly proven: readonly Catalogue[];
  readonly warnings: readonly string[];
}

function describe({ known, root, view, options, effective, source, proven, warnings }: Judged): Accepted {
  const { timestamp, snapshot, targets, entries, issued } = effective;
  const remembered = known.clock === undefined ? undefined : new Date(known.clock);
  const highest = latest(remembered, ...proven.map((catalogue) => catalogue.issued));
  const clock = clockOf(options, highest);
  return {
    next: {
      ...known,
      chain: { timestamp: timestamp.bytes, snapshot: snapshot.bytes, targets: targets.bytes },
      ...(highest && { clock: formatTime(highest) }),
    },
    effective: {
      root: root.version,
      timestamp: timestamp.version,
      snapshot: snapshot.version,
      targets: targets.version,
      entries,
      expires: endOf(root, effective),
      issued,
    },
    source,
    carried: view,
    clock,
    warnings: [...warnings, ...clockWarnings(options, clock)],
  };
}

/** TUF 1.0 §5.3.10, §5.4.4, §5.5.6, §5.6.5: freeze. Of the roots only the one in force is judged. */
function checkExpiry(root: RootView, { timestamp, snapshot, targets }: Catalogue, { clock, source }: Accepted): void {
  const parts: readonly { role: string; version: number; expires: Date }[] = [root.file, timestamp, snapshot, targets];
  const ended = parts.reduce((one, other) => (other.expires < one.expires ? other : one));
  if (ended.expires > clock) return;
  const [until, now] = [formatTime(ended.expires), formatTime(clock)];
  throw new TrustError(`judge catalogue: ${ended.role} ${ended.version} was valid until ${until}, and it is ${now}`, {
    code: 'EXPIRED',
    facts: { role: ended.role, version: ended.version, expires: until, clock: now, source },
  });
}

function checkProduct(entries: readonly TargetEntry[], product: string | undefined): void {
  if (product === undefined) return;
  const products = new Set(entries.flatMap((entry) => parseEntry(entry)?.product ?? []));
  if (products.size === 0 || products.has(product)) return;
  const got = [...products].join(', ');
  throw new TrustError(`judge catalogue: expected product ${product}, got ${got}`, {
    code: 'WRONG_PRODUCT',
    facts: { expected: product, got },
  });
}

/** What was proven so far outlives a refusal further on. */
function keeping<T>(next: SiteTrust, judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    if (error instanceof TrustError && error.next === undefined) throw error.keeping(next);
    throw error;
  }
}
