/**
 * A carried certificate is proven before anything is planned, with its key, against what stands at its place; one that
 * stands there already, or that somebody keeps as it is, is not judged again. What is wrong with it is found beside all
 * else, and changes nothing. trust-and-tls.md §6.
 */

import { destinationProblem, type SitePolicy } from '../../manifest/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { fullchainPEM, type Material, readMaterial, spkiOf, type TLSRules } from '../../tls/index.ts';
import { InstallError } from '../error.ts';
import type { OpenSiteFile } from '../files/destination.ts';
import { FolderTree } from '../files/folder.ts';
import { type CarriedCertificate, type CarriedTLS, isPairNamed } from './carried.ts';
import { type CertificateFacts, factsOf, findCurrent } from './current.ts';
import { findKeptKey } from './kept-key.ts';
import { CHAIN_FILE, pairFor } from './pair.ts';
import { findRoots } from './roots.ts';
import { findStandingPair, isSamePair } from './standing-pair.ts';

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
    const proven = await proveIn(tree, material, { ...options, dir, current, what: file.name });
    return { site, dir, current, ...factsOf(leaf), ...proven };
  } finally {
    await tree.close();
  }
}

type Proven = Pick<CarriedTLS, 'pair' | 'isKept' | 'isWaitedFor' | 'isShorter' | 'hasFewerNames'>;

async function proveIn(tree: FolderTree, material: Material, options: RulesOptions): Promise<Proven> {
  const { dir, state, what, keepLocal = [] } = options;
  const standing = await findStandingPair(tree, dir);
  const isKept = standing !== undefined && isPairNamed(keepLocal, dir);
  if (standing !== undefined && (isKept || isSamePair(material, standing))) {
    const pair = { chainPEM: fullchainPEM(material.chain), keyPEM: standing.key.toString('utf8') };
    return { pair, isKept, isWaitedFor: false, isShorter: false, hasFewerNames: false };
  }
  const keyPEM = material.keyPEM ?? (material.chain[0] && (await findKeptKey(state, spkiOf(material.chain[0]))));
  const pair = await pairFor({
    material: { ...material, ...(keyPEM !== undefined && { keyPEM }) },
    ...{ tree, dir, state, what },
    rules: await rulesOf(material, options),
  });
  const { isShorter, droppedNames } = pair.judged;
  return { pair, isKept, isWaitedFor: pair.keyFrom === 'waiting', isShorter, hasFewerNames: droppedNames.length > 0 };
}

interface RulesOptions extends CarryTLSOptions {
  readonly current: CertificateFacts | undefined;
  readonly what: string;
}

async function rulesOf({ chain }: Material, options: RulesOptions): Promise<TLSRules> {
  const { names, current, policy, now, allowShorter, allowFewerNames, what } = options;
  return { names, current, roots: await findRoots({ policy, chain }), now, allowShorter, allowFewerNames, what };
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
