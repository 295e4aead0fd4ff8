/**
 * A whole chain as it stands in a tar: every root since the first, and the catalogue under the last. It is proven by
 * itself, in its strict form (FORMAT §2); whether a site follows it is for accept.ts. Expiry is read, not judged.
 */
import type { Catalogue, TargetEntry } from './catalogue.ts';
import { readCatalogue } from './catalogue.ts';
import { invalid, MAX_ROOTS } from './metadata.ts';
import type { RootView } from './root.ts';
import { readRoot, verifySigned, walkRoots } from './root.ts';
import type { CatalogueFiles } from './site-trust.ts';
import { checkForm } from './strict.ts';

/** The bytes of a chain as carried. */
export interface Chain extends CatalogueFiles {
  /** Root 1 to N, in order. */
  readonly roots: readonly Uint8Array[];
}

export interface SignedPart {
  readonly version: number;
  readonly expires: Date;
}

/** A chain that is proven by itself. */
export interface ChainView {
  readonly roots: readonly RootView[];
  /** The newest of them, which the catalogue hangs from. */
  readonly root: RootView;
  readonly timestamp: SignedPart & { readonly issued: Date };
  readonly snapshot: SignedPart;
  readonly targets: SignedPart;
  readonly entries: readonly TargetEntry[];
  /** `<version>.snapshot.json` and `<version>.targets.json`, as the tar and a TUF repository name them. */
  readonly snapshotName: string;
  readonly targetsName: string;
  /** Everything under `tuf/`, in the order of the tar. */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** The first instant at which one of the four roles is no longer valid. */
  readonly importableUntil: Date;
  readonly catalogue: Catalogue;
}

/**
 * Reads a carried chain and proves it by itself: roots 1 to N, each by the one before; the catalogue by the last.
 * @throws {TrustError} `NOT_CANONICAL`, `SIGNATURE_INVALID`, `SIGNATURE_THRESHOLD`, `MIX_AND_MATCH`, `ROLLBACK`,
 * `METADATA_INVALID`, `METADATA_TOO_LARGE`
 */
export function readChain(chain: Chain): ChainView {
  const roots = readRoots(chain.roots);
  const root = roots[roots.length - 1] as RootView;
  const catalogue = readCatalogue(chain, root);
  for (const file of [catalogue.timestamp, catalogue.snapshot, catalogue.targets]) {
    checkForm(file, root.roles[file.role].keys);
  }
  const snapshotName = `${catalogue.snapshot.version}.snapshot.json`;
  const targetsName = `${catalogue.targets.version}.targets.json`;
  return {
    roots,
    root,
    timestamp: { ...partOf(catalogue.timestamp), issued: catalogue.issued as Date }, // its form has one
    snapshot: partOf(catalogue.snapshot),
    targets: partOf(catalogue.targets),
    entries: catalogue.entries,
    snapshotName,
    targetsName,
    files: [
      ...roots.map(({ version, bytes }) => ({ name: `tuf/${version}.root.json`, bytes })),
      { name: 'tuf/timestamp.json', bytes: chain.timestamp },
      { name: `tuf/${snapshotName}`, bytes: chain.snapshot },
      { name: `tuf/${targetsName}`, bytes: chain.targets },
    ],
    importableUntil: endOf(root, catalogue),
    catalogue,
  };
}

/** When a chain stops being importable: the earliest end of its roles. @throws {TrustError} as `readChain` */
export function importableUntil(chain: Chain): Date {
  return readChain(chain).importableUntil;
}

/** The earliest end of the root and the catalogue's three roles. */
export function endOf(root: RootView, { timestamp, snapshot, targets }: Catalogue): Date {
  return new Date(Math.min(...[root, timestamp, snapshot, targets].map(({ expires }) => expires.getTime())));
}

/** Roots 1 to N in their strict form, each proven by the one before. At least one. */
function readRoots(files: readonly Uint8Array[]): RootView[] {
  if (files.length === 0 || files.length > MAX_ROOTS) {
    throw invalid('root', `expected 1 to ${MAX_ROOTS} roots, got ${files.length}`);
  }
  const roots = files.map(readRoot);
  const first = roots[0] as RootView;
  if (first.version !== 1) throw invalid('root', `expected root 1 first, got root ${first.version}`);
  verifySigned(first, first.file);
  walkRoots(first, roots.slice(1));
  roots.forEach((root, index) => {
    checkForm(root.file, [...root.roles.root.keys, ...(roots[index - 1]?.roles.root.keys ?? [])]);
  });
  return roots;
}

function partOf({ version, expires }: SignedPart): SignedPart {
  return { version, expires };
}
