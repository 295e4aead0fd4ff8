/**
 * The files of this site, from the bundle and from the overlay beside it: which of them apply, read whole, proven by what
 * their signed document says of them, and opened where they are sealed. What was sealed is in memory alone from here to
 * the atomic write at its place: no journal, spool or temporary file ever holds it. FORMAT §4, DESIGN decision 9.
 */

import { basename } from 'node:path';
import type { Bundle, ProvenSite } from '../../bundle/index.ts';
import { readBounded } from '../../content/index.ts';
import type { SiteFile } from '../../manifest/index.ts';
import { digestOf } from '../../oci/index.ts';
import { MAX_SEAL_BYTES, openSealed, SealError } from '../../seal/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import { acceptSiteFiles } from '../../trust/index.ts';
import { InstallError } from '../error.ts';
import type { OpenSiteFile, OpenSiteFiles } from '../files/destination.ts';
import { provenEntry } from '../look/medium.ts';
import type { CarriedBundle } from './session.ts';

/** The largest file of a site that is read. */
const MAX_SITE_FILE_BYTES = 1024 * 1024;
const SEALED = '.age';

/** A tar that brings files of sites. */
export interface SiteFilesSource extends CarriedBundle {
  readonly sites: readonly ProvenSite[];
}

/** What of them applies here. */
export interface SiteFilesHere {
  /** Those for any site first: the later of one name wins. */
  readonly documents: readonly OpenSiteFiles[];
  /** The bytes in the clear, by entry. */
  readonly opened: ReadonlyMap<string, Uint8Array>;
  /** Paths of the tars that they are of. */
  readonly taken: readonly string[];
  readonly warnings: readonly string[];
}

export interface ReadSiteFilesOptions {
  /** None on a host that is no site yet. */
  readonly identity: SiteIdentity | undefined;
  readonly product: string;
}

/**
 * Reads the files for this site and for any; others' are passed over, superseded ones said and skipped.
 * @throws {TrustError} `SITE_FILES_NOT_LISTED` when those for this site are not as signed, `WRONG_PRODUCT`; {BundleError}
 *   `DAMAGED`; {InstallError} `SITE_FILES_UNOPENED`; {ContentError} `TOO_LARGE`.
 */
export async function readSiteFiles(
  sources: readonly SiteFilesSource[],
  { identity, product }: ReadSiteFilesOptions,
): Promise<SiteFilesHere> {
  const documents = new Map<string, OpenSiteFiles>();
  const opened = new Map<string, Uint8Array>();
  const taken = new Set<string>();
  const warnings: string[] = [];
  for (const { bundle, sites, accepted } of sources) {
    if (bundle.kind === 'overlay' && !sites.some(({ site }) => isHere(site, identity))) warnings.push(foreign(bundle));
    for (const { site, document, siteFiles } of sites) {
      if (!isHere(site, identity)) continue;
      if (acceptSiteFiles(accepted, site, document, { product }) === 'superseded') warnings.push(superseded(site));
      // of one site no more than one document is listed: what comes twice is the same
      else if (!documents.has(site)) {
        const files: OpenSiteFile[] = [];
        for (const file of siteFiles.files) files.push(await readSiteFile(file, { bundle, site, identity, opened }));
        documents.set(site, { site, files });
        taken.add(bundle.path);
      }
    }
  }
  const ordered = [...documents.values()].toSorted((a, b) => Number(b.site === 'any') - Number(a.site === 'any'));
  return { documents: ordered, opened, taken: [...taken], warnings: [...new Set(warnings)] };
}

/** Whether the files of a site, or of any, are for this one. */
export function isHere(site: string, identity: SiteIdentity | undefined): boolean {
  return site === 'any' || site === identity?.site;
}

interface Reading {
  readonly bundle: Bundle;
  readonly site: string;
  readonly identity: SiteIdentity | undefined;
  readonly opened: Map<string, Uint8Array>;
}

async function readSiteFile(file: SiteFile, { bundle, site, identity, opened }: Reading): Promise<OpenSiteFile> {
  const { name, role, mode, install, sealed } = file;
  const entry = `sites/${site}/${name}`;
  const max = MAX_SITE_FILE_BYTES + (sealed ? MAX_SEAL_BYTES : 0);
  const carried = await readBounded(provenEntry(bundle, entry, file), { max, what: name });
  const bytes = sealed ? await open(carried, { name, identity }) : carried;
  opened.set(entry, bytes);
  const plainName = sealed && name.endsWith(SEALED) ? name.slice(0, -SEALED.length) : name;
  const place = install !== undefined && { install };
  const measured = { digest: digestOf(bytes), size: bytes.length };
  return { name: plainName, entry, role, mode, ...measured, ...place, isSealed: sealed };
}

/** The bytes were proven before: whatever does not open was sealed so. */
async function open(
  sealed: Uint8Array,
  { name, identity }: { readonly name: string; readonly identity: SiteIdentity | undefined },
): Promise<Uint8Array> {
  if (identity?.age === undefined) throw unopened(name, 'it on a host that has no key to open it');
  try {
    return await openSealed(sealed, identity.age.identity);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw unopened(name, error.code === 'NOT_FOR_US' ? 'one sealed for another' : 'one that nobody can open', error);
  }
}

function unopened(name: string, got: string, cause?: unknown): InstallError {
  return new InstallError(`open ${name}: expected a file that is sealed for this site, got ${got}`, {
    code: 'SITE_FILES_UNOPENED',
    cause,
    facts: { name },
  });
}

function foreign({ path }: Bundle): string {
  return `${basename(path)} is for another site, whatever its name says: skipped`;
}

function superseded(site: string): string {
  return `the files for ${site === 'any' ? 'any site' : 'this site'} are superseded by newer ones: skipped`;
}
