/**
 * The certificate among the files of a site: sealed with its key (`certificate`), or alone for a key that is here
 * (`chain`). It is taken out of them, and comes back as the two files of its folder, which stay or go together. FORMAT §4.
 */

import type { OpenSiteFile } from '../files/destination.ts';
import type { SiteFilesHere } from '../import/site-files.ts';
import type { CertificateFacts } from './current.ts';
import { CHAIN_FILE, KEY_FILE, pairFiles, type TLSPair } from './pair.ts';

/** A certificate as it came. */
export interface CarriedCertificate {
  /** Of the document that brings it. */
  readonly site: string;
  readonly file: OpenSiteFile;
  readonly bytes: Uint8Array;
}

/** A certificate whose files may be planned. */
export interface CarriedTLS extends CertificateFacts {
  readonly site: string;
  /** Where its files go, absolute, without the prefix. */
  readonly dir: string;
  readonly pair: Pick<TLSPair, 'chainPEM' | 'keyPEM'>;
  /** Whether a key that waits for it is used up by it. */
  readonly isWaitedFor: boolean;
  /** The one that stands there. */
  readonly current: CertificateFacts | undefined;
  /** Whether what stands there stays, as somebody said. */
  readonly isKept: boolean;
  /** Whether `allowShorter` was needed. */
  readonly isShorter: boolean;
  /** Whether `allowFewerNames` was needed. */
  readonly hasFewerNames: boolean;
}

/** Files of this site, with the certificate among them taken out: its own document wins over the one for any site. */
export function takeCertificate(here: SiteFilesHere): {
  readonly here: SiteFilesHere;
  readonly carried: readonly CarriedCertificate[];
} {
  const all = here.documents.map(({ site, files }) => ({ site, files: files.filter(isCertificate) }));
  const last = all.findLast(({ files }) => files.length > 0);
  const carried = (last?.files ?? []).map((file) => ({ site: last?.site ?? '', file, bytes: bytesOf(here, file) }));
  const documents = here.documents.map(({ site, files }) => ({
    site,
    files: files.filter((one) => !isCertificate(one)),
  }));
  return { here: { ...here, documents }, carried };
}

function isCertificate({ role }: OpenSiteFile): boolean {
  return role === 'certificate' || role === 'chain';
}

function bytesOf({ opened }: SiteFilesHere, { entry, name }: OpenSiteFile): Uint8Array {
  const bytes = opened.get(entry);
  if (bytes === undefined) throw new TypeError(`expected the bytes of ${name}, which were read`);
  return bytes;
}

/** The files of this site with the two of a certificate among them. */
export function withCertificate(here: SiteFilesHere, tls: CarriedTLS | undefined): SiteFilesHere {
  if (tls === undefined) return here;
  const { files, opened } = pairFiles(tls.pair, tls.dir);
  const documents = here.documents.map((one) =>
    one.site === tls.site ? { ...one, files: [...one.files, ...files] } : one,
  );
  return { ...here, documents, opened: new Map([...here.opened, ...opened]) };
}

/** Whether one of the two files is among names or paths: what is said of one is said of both, for they go together. */
export function isPairNamed(named: readonly string[], dir: string): boolean {
  return [CHAIN_FILE, KEY_FILE, ...pairPaths(dir)].some((name) => named.includes(name));
}

/**
 * The operator's names of files, as they count for the pair: one that stays or goes takes the other along, and where only
 * one of the two stands there is nothing to keep, for it fits nothing.
 */
export function decisionsOf(
  { keepLocal, replace }: Decisions,
  tls: Pick<CarriedTLS, 'dir' | 'isKept'> | undefined,
): Decisions {
  if (tls === undefined) return { keepLocal, replace };
  const pair = pairPaths(tls.dir);
  const both = (named: readonly string[] | undefined) =>
    named && isPairNamed(named, tls.dir) ? [...named, ...pair] : named;
  const isOfPair = (name: string) => pair.includes(name) || name === CHAIN_FILE || name === KEY_FILE;
  return {
    keepLocal: tls.isKept ? both(keepLocal) : keepLocal?.filter((name) => !isOfPair(name)),
    replace: both(replace),
  };
}

/** What the operator said of files that somebody changed. */
export interface Decisions {
  readonly keepLocal?: readonly string[] | undefined;
  readonly replace?: readonly string[] | undefined;
}

function pairPaths(dir: string): readonly string[] {
  return [CHAIN_FILE, KEY_FILE].map((name) => `${dir}/${name}`);
}
