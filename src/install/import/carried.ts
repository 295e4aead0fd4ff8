/**
 * All that is carried to a site at once: a bundle, and where a folder was named the overlay and the catalogue beside it.
 * Each chain is judged in turn, the newest first, so that one which has run out meanwhile does no harm beside one that
 * has not; what is in force in the end is in force for all of them. FORMAT §2 "On the site".
 */

import type { Bundle, BundleKind } from '../../bundle/index.ts';
import { type Accepted, readChain } from '../../trust/index.ts';
import { InstallError } from '../error.ts';
import { type ImportTrustOptions, judgeChain, judgeImport } from '../judge/judge.ts';
import { type FindPartsOptions, findParts } from '../look/find-parts.ts';
import { openTar } from '../look/medium.ts';

/** Open tars. */
export interface Carried {
  readonly bundle: Bundle;
  /** Beside a release. */
  readonly overlay?: Bundle | undefined;
  readonly catalogue?: Bundle | undefined;
  /** The folder that was named; none where a file was. */
  readonly folder?: string | undefined;
  close(): Promise<void>;
}

/** What is in force, with the chain of each as its carried one. */
export interface JudgedCarried {
  readonly accepted: Accepted;
  readonly overlay?: Accepted | undefined;
}

/** Opens what is meant by a path. @throws as `findParts`; {BundleError} */
export async function openCarried(path: string, options: FindPartsOptions): Promise<Carried> {
  const parts = await findParts(path, options);
  const open: Bundle[] = [];
  const close = async () => {
    for (const bundle of open) await bundle.close();
  };
  const openAs = async (tar: string | undefined, kind?: BundleKind): Promise<Bundle | undefined> => {
    if (tar === undefined) return undefined;
    const bundle = await openTar(tar);
    open.push(bundle);
    if (kind !== undefined && bundle.kind !== kind) throw misnamed(bundle, kind);
    return bundle;
  };
  try {
    const bundle = (await openAs(parts.bundle)) as Bundle;
    const overlay = await openAs(bundle.kind === 'release' ? parts.overlay : undefined, 'overlay');
    const catalogue = await openAs(parts.catalogue, 'catalogue');
    return { bundle, overlay, catalogue, folder: parts.folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Judges all chains, and stores what is proven. @throws as `judgeImport` */
export async function judgeCarried(
  { bundle, overlay, catalogue }: Carried,
  options: ImportTrustOptions,
): Promise<JudgedCarried> {
  const bundles = [catalogue, overlay, bundle].filter((one) => one !== undefined);
  if (bundles.length === 1) return { accepted: await judgeImport(bundle.chain, options) };
  let { known } = options;
  for (const { chain } of newestFirst(bundles)) {
    const { next } = await judgeImport(chain, { ...options, known });
    known = { ...known, trust: next };
  }
  const judge = ({ chain }: Bundle) => judgeChain(known.trust, chain, { ...options, product: known.product });
  return { accepted: judge(bundle), overlay: overlay && judge(overlay) };
}

/** By root and timestamp; of equals the catalogue comes first, as it was given. @throws {TrustError} */
function newestFirst(bundles: readonly Bundle[]): readonly Bundle[] {
  const views = bundles.map((bundle) => ({ bundle, view: readChain(bundle.chain) }));
  const sorted = views.toSorted(
    ({ view: a }, { view: b }) => b.root.version - a.root.version || b.timestamp.version - a.timestamp.version,
  );
  return sorted.map(({ bundle }) => bundle);
}

function misnamed({ path, kind }: Bundle, expected: BundleKind): InstallError {
  const what = expected === 'overlay' ? 'an overlay' : 'a catalogue';
  return new InstallError(`read bundle: ${path}: expected ${what}, as its name says, got the kind ${kind}`, {
    code: 'BUNDLE_AMBIGUOUS',
    facts: { path, kind },
  });
}
