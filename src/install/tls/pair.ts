/**
 * A certificate and its key, proven together: what may be installed. The key comes with the certificate, or waits here
 * since `ferry tls request`, or is the one that is installed. Looks and changes nothing.
 */

import { digestOf } from '../../oci/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import {
  fullchainPEM,
  type JudgedCertificate,
  judgeCertificate,
  MAX_TLS_BYTES,
  type Material,
  rehearse,
  spkiOf,
  type TLSRules,
} from '../../tls/index.ts';
import { InstallError } from '../error.ts';
import type { OpenSiteFile } from '../files/destination.ts';
import type { FolderTree } from '../files/folder.ts';
import { findStandingBytes } from '../files/standing.ts';
import { findWaitingKey } from './pending.ts';

/** The file with the leaf and its intermediates. */
export const CHAIN_FILE = 'fullchain.pem';
/** The file with the key. */
export const KEY_FILE = 'privkey.pem';

/** Proven together, in the bytes that are installed. */
export interface TLSPair {
  readonly chainPEM: string;
  /** PKCS#8. Secret. */
  readonly keyPEM: string;
  readonly judged: JudgedCertificate;
  /** Where the key came from. */
  readonly keyFrom: 'given' | 'waiting' | 'installed';
}

export interface PairForOptions {
  readonly material: Material;
  readonly tree: FolderTree;
  /** `tls.dir`, absolute, without the prefix. */
  readonly dir: string;
  /** None on a host without one. */
  readonly state: SiteStateReader | undefined;
  readonly rules: TLSRules;
  /** Names the certificate in errors. */
  readonly what: string;
}

/**
 * Finds the key, judges the certificate, and rehearses with both.
 * @throws {InstallError} `TLS_NO_KEY`; {TLSError} as `judgeCertificate` and `rehearse`
 */
export async function pairFor(options: PairForOptions): Promise<TLSPair> {
  const { material, rules, what } = options;
  const [leaf] = material.chain;
  if (leaf === undefined) throw new TypeError('expected a certificate');
  const { keyPEM, keyFrom } = await findKey(spkiOf(leaf), options);
  if (keyPEM === undefined) {
    // what is wrong with the certificate itself comes before the key that nobody has
    judgeCertificate(material, rules);
    throw noKey(what, spkiOf(leaf));
  }
  const judged = judgeCertificate({ ...material, keyPEM }, rules);
  const chainPEM = fullchainPEM(material.chain);
  const name = clientName([...rules.names, ...judged.names]);
  if (name !== undefined) await rehearse({ fullchainPEM: chainPEM, keyPEM, roots: rules.roots, name });
  return { chainPEM, keyPEM, judged, keyFrom };
}

/** What a client would ask for: the first name; one with a star is nobody's own. */
export function clientName(names: readonly string[]): string | undefined {
  return names.find((name) => !name.startsWith('*.')) ?? names[0]?.replace(/^\*\./, 'ferry.');
}

interface FoundKey {
  readonly keyPEM: string | undefined;
  readonly keyFrom: TLSPair['keyFrom'];
}

/** One that was given is meant, also where another one would fit. */
async function findKey(spki: string, { material, tree, dir, state }: PairForOptions): Promise<FoundKey> {
  if (material.keyPEM !== undefined) return { keyPEM: material.keyPEM, keyFrom: 'given' };
  const waiting = state && (await findWaitingKey(state, spki));
  if (waiting !== undefined) return { keyPEM: waiting, keyFrom: 'waiting' };
  return { keyPEM: await findInstalledKey(spki, tree, dir), keyFrom: 'installed' };
}

/** The installed key, where it is of this certificate. */
async function findInstalledKey(spki: string, tree: FolderTree, dir: string): Promise<string | undefined> {
  const bytes = await findStandingBytes(tree, `${dir}/${KEY_FILE}`, { max: MAX_TLS_BYTES });
  return bytes !== undefined && findSpki(bytes) === spki ? bytes.toString('utf8') : undefined;
}

/** `undefined` of what is no key in the clear: it fits nothing, and what it is is in no message. */
export function findSpki(keyPEM: Uint8Array): string | undefined {
  try {
    return spkiOf(Buffer.from(keyPEM).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The two files of a pair, as site files that `installFiles` takes, and their bytes by entry. */
export function pairFiles(
  { chainPEM, keyPEM }: Pick<TLSPair, 'chainPEM' | 'keyPEM'>,
  dir: string,
): { readonly files: readonly OpenSiteFile[]; readonly opened: ReadonlyMap<string, Uint8Array> } {
  const [chain, key] = [Buffer.from(chainPEM), Buffer.from(keyPEM)];
  const files = [
    fileOf(CHAIN_FILE, { role: 'chain', mode: '0644', bytes: chain, dir }),
    fileOf(KEY_FILE, { role: 'key', mode: '0600', bytes: key, dir }),
  ];
  return {
    files,
    opened: new Map([
      [entryOf(CHAIN_FILE), chain],
      [entryOf(KEY_FILE), key],
    ]),
  };
}

interface FileOfOptions {
  readonly role: 'chain' | 'key';
  readonly mode: string;
  readonly bytes: Uint8Array;
  readonly dir: string;
}

function fileOf(name: string, { role, mode, bytes, dir }: FileOfOptions): OpenSiteFile {
  const measured = { digest: digestOf(bytes), size: bytes.length };
  return { name, role, entry: entryOf(name), install: `${dir}/${name}`, mode, ...measured };
}

/** Stands for an entry of a tar; no tar has such a one. */
function entryOf(name: string): string {
  return `tls/${name}`;
}

function noKey(what: string, spki: string): InstallError {
  return new InstallError(
    `install ${what}: expected its key with it, or one that waits here or is installed, got none that fits`,
    { code: 'TLS_NO_KEY', facts: { spki } },
  );
}
