/** The two files as they stand in a folder, and whether a certificate that comes is the very same. */

import { fullchainPEM, MAX_TLS_BYTES, type Material, spkiOf } from '../../tls/index.ts';
import type { FolderTree } from '../files/folder.ts';
import { findStandingBytes } from '../files/standing.ts';
import { CHAIN_FILE, findSpki, KEY_FILE } from './pair.ts';

const LIMIT = { max: MAX_TLS_BYTES };

/** Their bytes. */
export interface StandingPair {
  readonly chain: Buffer;
  /** Secret. */
  readonly key: Buffer;
}

/** Both, where both stand. @param dir absolute, without the prefix @throws {InstallError} `DESTINATION_UNSAFE` */
export async function findStandingPair(tree: FolderTree, dir: string): Promise<StandingPair | undefined> {
  const [chain, key] = [
    await findStandingBytes(tree, `${dir}/${CHAIN_FILE}`, LIMIT),
    await findStandingBytes(tree, `${dir}/${KEY_FILE}`, LIMIT),
  ];
  return chain && key && { chain, key };
}

/** Whether the chain is as it would be written, and the key is of it. */
export function isSamePair({ chain, keyPEM }: Material, standing: StandingPair): boolean {
  const [leaf] = chain;
  if (leaf === undefined || !standing.chain.equals(Buffer.from(fullchainPEM(chain)))) return false;
  if (keyPEM !== undefined && spkiOf(keyPEM) !== spkiOf(leaf)) return false;
  return findSpki(standing.key) === spkiOf(leaf);
}
