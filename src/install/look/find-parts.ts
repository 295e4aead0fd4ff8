/**
 * What a site takes of a folder: the one release, its own overlay and the newest catalogue file beside it; where there is
 * no release, its overlay, else the catalogue. By their names alone, which only choose: what is in them proves itself.
 * Others' overlays, `older/`, volumes, drafts, hidden files and what is no file are passed over. FORMAT §1, DESIGN
 * "Command line".
 */

import { join } from 'node:path';
import { InstallError } from '../error.ts';
import { ambiguous, isFolder, notFound } from './find-bundle.ts';
import { isReleaseName, type NamedTar, readTarName, tarNames } from './tar-name.ts';

/** The tars that are meant, by path. */
export interface Parts {
  /** A release; without one in a folder an overlay, or a catalogue. */
  readonly bundle: string;
  readonly overlay?: string;
  readonly catalogue?: string;
  /** The folder that was named; none where a file was. */
  readonly folder?: string;
}

export interface FindPartsOptions {
  /** This site's ID; none on a host that is no site yet. */
  readonly site?: string | undefined;
  /** What is installed here; others' overlays and catalogues are passed over where there is no release. */
  readonly product?: string | undefined;
}

/**
 * A file is taken alone, whatever lies beside it.
 * @throws {InstallError} `MEDIUM_ABSENT`, `NO_BUNDLE_HERE`, `BUNDLE_AMBIGUOUS` listing the releases; `OVERLAY_FOREIGN`
 *   when there is nothing but others' overlays.
 */
export async function findParts(path: string, options: FindPartsOptions): Promise<Parts> {
  if (!(await isFolder(path))) return { bundle: path };
  const names = await tarNames(path);
  const named = names.flatMap((name) => readTarName(name) ?? []);
  const releases = names.filter(isReleaseName);
  const [release, ...others] = releases;
  if (others.length > 0) throw ambiguous(path, releases);
  const isOurs = ({ product }: NamedTar) =>
    release === undefined ? isWanted(product, options) : release.startsWith(`${product}-`);
  return { ...choose(path, release, { ...options, named: named.filter(isOurs) }), folder: path };
}

function choose(
  path: string,
  release: string | undefined,
  { site, named }: FindPartsOptions & { readonly named: readonly NamedTar[] },
): Omit<Parts, 'folder'> {
  const overlay = newest(path, named, site) ?? newest(path, named, 'any');
  const catalogue = newest(path, named, 'catalogue');
  const beside = catalogue !== undefined && { catalogue };
  if (release !== undefined) return { bundle: join(path, release), ...(overlay && { overlay }), ...beside };
  if (overlay !== undefined) return { bundle: overlay, ...beside };
  if (catalogue !== undefined) return { bundle: catalogue };
  if (named.length > 0) throw foreign(path, site);
  throw notFound(path);
}

function isWanted(product: string, { product: installed }: FindPartsOptions): boolean {
  return installed === undefined || installed === product;
}

/** The one with the highest number; of two products nobody knows which is meant. */
function newest(path: string, named: readonly NamedTar[], of: string | undefined): string | undefined {
  const [first, ...others] = named.filter((one) => one.of === of).toSorted((a, b) => b.catalogue - a.catalogue);
  const other = others.find(({ product }) => product !== first?.product);
  if (first !== undefined && other !== undefined) throw ambiguous(path, [first.name, other.name]);
  return first && join(path, first.name);
}

function foreign(path: string, site: string | undefined): InstallError {
  const ours = site === undefined ? 'a host that is no site yet' : `site ${site}`;
  return new InstallError(`read bundle: ${path}: expected a release, or an overlay for ${ours}, got those of others`, {
    code: 'OVERLAY_FOREIGN',
    facts: { path },
    ...(site === undefined && { hint: 'a first visit begins with a release: take a stick that has one' }),
  });
}
