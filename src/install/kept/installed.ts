/**
 * `installed.json`: what a release is on this host, name by name and path by path. Written when the release is
 * installed, completed when it is left for another by whatever that one is about to touch; so going back is to make
 * everything as it says. Release 0 is what was here before the first import.
 */

import { parseReleaseDocument, type ReleaseDocument, type ReleaseFile } from '../../manifest/index.ts';
import { type Digest, parseDigest } from '../../oci/index.ts';
import { findSiteIdentity } from '../../site/index.ts';
import type { SiteState, SiteStateReader } from '../../state/index.ts';
import { openReceipt } from '../records/signed-receipt.ts';

/** The name of the document in a release's folder. */
export const INSTALLED = 'installed.json';

/** What a release is on this host. */
export interface Installed {
  readonly sequence: number;
  readonly tags: readonly InstalledTag[];
  readonly files: readonly InstalledFile[];
}

/** A name and the image that is to have it. */
export interface InstalledTag {
  readonly name: string;
  /** `null`: nothing had that name. */
  readonly imageID: Digest | null;
  /** Whether an import brought the image: what was here before is never removed. */
  readonly isLoaded: boolean;
}

/** A path and the file that is to stand there. */
export interface InstalledFile {
  /** Absolute, without the prefix. */
  readonly path: string;
  /** As it is called in its signed document. */
  readonly name: string;
  /** `null`: no file stood there. */
  readonly digest: Digest | null;
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Which document asked for it; `found`: nobody, it was there; `kept`: the operator's edit, kept by `--keep-local`. */
  readonly from: 'release' | 'site' | 'found' | 'kept';
  /** Of a file of a site: the product's licence, or the server's certificate with its chain, or its key, wherever it was put. */
  readonly role?: KnownRole;
}

/** What is looked for again by what it is. */
export type KnownRole = 'license' | 'chain' | 'key';

/** What a release is here; `undefined` for one that never was. @throws {StateError} `STATE_DAMAGED`; {InstallError} `RECEIPT_ALTERED` */
export async function findInstalled(
  state: SiteStateReader | undefined,
  sequence: number | undefined,
): Promise<Installed | undefined> {
  if (state === undefined || sequence === undefined) return undefined;
  const fields = await state.findReleaseDocument(sequence, INSTALLED);
  if (fields !== undefined) return fields as unknown as Installed;
  return sequence === 0 ? undefined : findFormerInstall(state, sequence);
}

/**
 * The same where a ferry of before this document has installed the release: as far as its signed document and its receipt
 * tell. Whose the files are they do not say, and nobody who compares asks.
 */
async function findFormerInstall(state: SiteStateReader, sequence: number): Promise<Installed | undefined> {
  const identity = await findSiteIdentity(state);
  const document = await state.findReleaseFile(sequence, 'release.json');
  const receipt = await state.findReleaseFile(sequence, 'receipt.json');
  if (identity === undefined || document === undefined || receipt === undefined) return undefined;
  const { images } = openReceipt(receipt, identity);
  const tags = images.map(({ name, imageID, action }) => {
    return { name, imageID: parseDigest(imageID), isLoaded: action === 'loaded' };
  });
  return { sequence, tags, files: parseReleaseDocument(document).files.flatMap(fileOf) };
}

function fileOf({ name, install: path, digest, size, mode }: ReleaseFile): readonly InstalledFile[] {
  if (path === undefined) return [];
  return [{ path, name, digest, size, mode: Number.parseInt(mode, 8), uid: 0, gid: 0, from: 'release' }];
}

/** Where the bytes of a file lie in the state, below its folder; release files by their name, all others by digest. */
export function storedPath(sequence: number, { digest, from, name }: InstalledFile): string | undefined {
  if (digest === null) return undefined;
  return `releases/${sequence}/${from === 'release' ? `files/${name}` : keptName(digest)}`;
}

/** The name of kept bytes in a release's folder. */
export function keptName(digest: Digest): string {
  return `kept/${digest.replace('sha256:', '')}`;
}

/** Makes the document what it was before a step wrote it: `null` for none, and of release 0 there was not even a folder. */
export async function restoreInstalled(state: SiteState, sequence: number, before: Installed | null): Promise<void> {
  if (before !== null) return state.putReleaseDocument({ sequence, name: INSTALLED }, { ...before });
  await state.removeReleaseFile(sequence, sequence === 0 ? '' : INSTALLED);
}

/** The files of a release that its folder keeps: all but ferry's own executables, which are large and no release's. */
export function keptFiles(release: ReleaseDocument): readonly ReleaseFile[] {
  return release.files.filter((file) => file.ferry === undefined);
}
