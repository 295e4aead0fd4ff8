/**
 * The certificate that a bundle brings this site: sealed with its key (`certificate`), or alone for a key that is here
 * (`chain`). It becomes the two files of `tls.dir` before anything is planned, proven together; one that stands there
 * already, or that somebody keeps as it is, is not judged again. What is wrong with it is found beside all else, and
 * changes nothing. FORMAT §4, trust-and-tls.md §6.
 */

import { readBounded } from '../../content/index.ts';
import { destinationProblem, type SitePolicy } from '../../manifest/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { fullchainPEM, MAX_TLS_BYTES, type Material, readMaterial, spkiOf, type TLSRules } from '../../tls/index.ts';
import { InstallError } from '../error.ts';
import type { OpenSiteFile } from '../files/destination.ts';
import { FolderTree } from '../files/folder.ts';
import { findStanding, readStanding } from '../files/standing.ts';
import type { SiteFilesHere } from '../import/site-files.ts';
import { type CertificateFacts, factsOf, findCurrent } from './current.ts';
import { findKeptKey } from './kept-key.ts';
import { CHAIN_FILE, findSpki, KEY_FILE, pairFiles, pairFor, type TLSPair } from './pair.ts';
import { findRoots } from './roots.ts';

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

export interface CarryTLSOptions {
  /** `tls.dir`, or where a certificate is installed. */
  readonly dir: string;
  /** Where may be written. */
  readonly folders: readonly string[];
  /** Of the release: each must be covered. */
  readonly names: readonly string[];
  readonly prefix: string;
  /** None on a host without one. */
  readonly state: SiteStateReader | undefined;
  readonly policy: SitePolicy;
  /** The site's clock. */
  readonly now: Date;
  readonly allowShorter?: boolean | undefined;
  readonly allowFewerNames?: boolean | undefined;
  /** What somebody keeps, by name or path. */
  readonly keepLocal?: readonly string[] | undefined;
}

/**
 * Judges what was carried against what stands at its place. Looks and changes nothing.
 * @throws {TLSError} whatever is wrong with it; {InstallError} `TLS_NO_KEY`, `TLS_KEY_UNSEALED`, `DESTINATION_FORBIDDEN`,
 *   `DESTINATION_UNSAFE`
 */
export async function judgeCarried(
  carried: readonly CarriedCertificate[],
  options: CarryTLSOptions,
): Promise<CarriedTLS | undefined> {
  const [one, ...others] = carried;
  if (one === undefined) return undefined;
  const { file, bytes, site } = one;
  const dir = file.install ?? options.dir;
  refuseTwice([one, ...others], dir);
  refuseOutside(file, dir, options.folders);
  const material = await readMaterial({ cert: bytes, certWhat: file.name });
  // whoever reads the stick has it: it must not be used any more
  if (material.keyPEM !== undefined && !file.isSealed) throw unsealed(file.name);
  const [leaf] = material.chain;
  if (leaf === undefined) throw new TypeError('expected a certificate');
  const tree = new FolderTree(options.prefix);
  try {
    const current = await findCurrent(tree, dir);
    const about = { site, dir, current, ...factsOf(leaf) };
    const standing = await findStandingPair(tree, dir);
    const isKept = standing !== undefined && isPairNamed(options.keepLocal ?? [], dir);
    if (standing !== undefined && (isKept || isSamePair(material, standing))) {
      const pair = { chainPEM: fullchainPEM(material.chain), keyPEM: standing.key.toString('utf8') };
      return { ...about, pair, isKept, isWaitedFor: false, isShorter: false, hasFewerNames: false };
    }
    const keyPEM = material.keyPEM ?? (await findKeptKey(options.state, spkiOf(leaf)));
    const pair = await pairFor({
      material: { ...material, ...(keyPEM !== undefined && { keyPEM }) },
      ...{ tree, dir, state: options.state, what: file.name },
      rules: await rulesOf(material, { ...options, current, what: file.name }),
    });
    const { isShorter, droppedNames } = pair.judged;
    const isWaitedFor = pair.keyFrom === 'waiting';
    return { ...about, pair, isKept, isWaitedFor, isShorter, hasFewerNames: droppedNames.length > 0 };
  } finally {
    await tree.close();
  }
}

interface RulesOptions extends CarryTLSOptions {
  readonly current: CertificateFacts | undefined;
  readonly what: string;
}

async function rulesOf({ chain }: Material, options: RulesOptions): Promise<TLSRules> {
  const { names, current, policy, now, allowShorter, allowFewerNames, what } = options;
  return { names, current, roots: await findRoots({ policy, chain }), now, allowShorter, allowFewerNames, what };
}

interface StandingPair {
  readonly chain: Buffer;
  readonly key: Buffer;
}

async function findStandingPair(tree: FolderTree, dir: string): Promise<StandingPair | undefined> {
  const [chain, key] = [await readFile(tree, `${dir}/${CHAIN_FILE}`), await readFile(tree, `${dir}/${KEY_FILE}`)];
  return chain && key && { chain, key };
}

/** Whether the very same certificate stands there, with its key. */
function isSamePair({ chain: [leaf, ...above], keyPEM }: Material, { chain, key }: StandingPair): boolean {
  if (leaf === undefined || !chain.equals(Buffer.from(fullchainPEM([leaf, ...above])))) return false;
  return keyPEM === undefined ? findSpki(key) === spkiOf(leaf) : keyPEM === key.toString('utf8');
}

async function readFile(tree: FolderTree, path: string): Promise<Buffer | undefined> {
  if ((await findStanding(tree, path)) === undefined) return undefined;
  return readBounded(readStanding(tree, path), { max: MAX_TLS_BYTES, what: path });
}

/** Whether one of the two files is among names or paths: what is said of one is said of both, for they go together. */
function isPairNamed(named: readonly string[], dir: string): boolean {
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

function refuseTwice(carried: readonly CarriedCertificate[], dir: string): void {
  if (carried.length < 2) return;
  const names = carried.map(({ file }) => file.name).join(', ');
  throw new InstallError(
    `install ${names}: ${JSON.stringify(dir)}: expected one certificate there, got ${carried.length}`,
    {
      code: 'DESTINATION_FORBIDDEN',
      facts: { names, dir },
    },
  );
}

function refuseOutside({ name }: OpenSiteFile, dir: string, folders: readonly string[]): void {
  const problem = destinationProblem(`${dir}/${CHAIN_FILE}`, folders);
  if (problem === undefined) return;
  throw new InstallError(`install ${name}: ${JSON.stringify(dir)}: ${problem}`, {
    code: 'DESTINATION_FORBIDDEN',
    facts: { name, path: dir },
  });
}

function unsealed(name: string): InstallError {
  return new InstallError(`install ${name}: expected a private key sealed for this site, got one in the clear`, {
    code: 'TLS_KEY_UNSEALED',
    facts: { name },
  });
}
