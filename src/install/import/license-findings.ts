/**
 * A licence that would take the place of another one is read and judged before anything is changed: is it signed as the
 * release wants, for this product and site, valid by the site's clock, and does it not take away time that the installed
 * one gives. FORMAT §8: what it says of itself is status 1, another site's 3.
 */

import { readBounded } from '../../content/index.ts';
import {
  isShorter,
  judgeLicense,
  type License,
  LicenseError,
  MAX_LICENSE_BYTES,
  readLicense,
} from '../../license/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import { InstallError } from '../error.ts';
import type { FilePlan } from '../files/file-plan.ts';
import type { FolderTree } from '../files/folder.ts';
import { readStanding } from '../files/standing.ts';

/** By what licences are judged here. */
export interface LicenseRules {
  readonly product: string;
  /** `license.publicKey` of the release that they are for. */
  readonly publicKey?: string | undefined;
  /** None on a host that is no site yet. */
  readonly identity: SiteIdentity | undefined;
  /** The site's clock. */
  readonly now: Date;
  /** Takes one that ends sooner than the installed one. @default false */
  readonly allowShorter?: boolean | undefined;
}

/** A licence that is to be installed. */
export interface NextLicense {
  readonly name: string;
  /** Where it goes, absolute, without the prefix. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What it says, and whether `allowShorter` was needed. */
export interface JudgedLicense {
  readonly license: License;
  readonly isShorter: boolean;
}

/**
 * Judges one licence against what stands at its place.
 * @throws {LicenseError} all of `readLicense` and `judgeLicense`; {InstallError} `LICENSE_SHORTER`
 */
export async function judgeNextLicense(
  { name, path, bytes }: NextLicense,
  { tree, ...rules }: LicenseRules & { readonly tree: FolderTree },
): Promise<JudgedLicense> {
  const { product, publicKey, identity, now, allowShorter } = rules;
  const license = await readLicense(bytes, { publicKey, what: name });
  const site = identity && { id: identity.site, name: identity.name };
  judgeLicense(license, { product, site, now, what: name });
  const current = await findStandingLicense(tree, path);
  if (current === undefined || !isShorter(license, current, now)) return { license, isShorter: false };
  if (allowShorter) return { license, isShorter: true };
  throw shorter(name, license, current);
}

/** All licences that a plan would install. */
export interface JudgedLicenses {
  /** What they say, by path. */
  readonly licenses: ReadonlyMap<string, License>;
  /** Whether `allowShorter` was needed. */
  readonly isShorter: boolean;
}

/** Judges all licences that a plan would install. @throws as {@link judgeNextLicense} */
export async function judgeLicenses(
  { files, tree }: Pick<FilePlan, 'files' | 'tree'>,
  { opened, ...rules }: LicenseRules & { readonly opened: ReadonlyMap<string, Uint8Array> },
): Promise<JudgedLicenses> {
  const licenses = new Map<string, License>();
  let isAnyShorter = false;
  for (const { file, action, found } of files) {
    if (file.role !== 'license' || action !== 'installed' || found?.digest === file.digest) continue;
    const bytes = opened.get(file.entry);
    if (bytes === undefined) throw new TypeError(`expected the bytes of ${file.name}, which were read`);
    const judged = await judgeNextLicense({ ...file, bytes }, { ...rules, tree });
    licenses.set(file.path, judged.license);
    isAnyShorter ||= judged.isShorter;
  }
  return { licenses, isShorter: isAnyShorter };
}

/** What stands there, as far as it is a licence; by whom it is signed the product knows. */
async function findStandingLicense(tree: FolderTree, path: string): Promise<License | undefined> {
  const bytes = await readBounded(readStanding(tree, path), { max: MAX_LICENSE_BYTES, what: path });
  try {
    return await readLicense(bytes);
  } catch (error) {
    if (error instanceof LicenseError) return undefined;
    throw error;
  }
}

function shorter(name: string, next: License, current: License): InstallError {
  const [ours, theirs] = [day(current.validUntil), day(next.validUntil)];
  return new InstallError(
    `check ${name}: expected one that lasts until ${ours}, as the installed one does, got ${theirs}`,
    {
      code: 'LICENSE_SHORTER',
      hint: `take it with --allow-shorter, or keep the installed one with --keep-local ${name}, and say why with --reason TEXT`,
      facts: { name, installed: ours, offered: theirs },
    },
  );
}

function day(date: Date | undefined): string {
  return date === undefined ? 'unknown' : `${date.toISOString().slice(0, 19)}Z`;
}
