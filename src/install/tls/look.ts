/**
 * The certificate as it stands on this site: for which names, how long, whether its key is of it, and what is served
 * against what is installed. Changes nothing; the key is only compared.
 */

import { FerryError } from '../../errors.ts';
import type { HostPort } from '../../manifest/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { type CertificateLevel, certificateState, MAX_TLS_BYTES, probe, TLSError } from '../../tls/index.ts';
import { FolderTree } from '../files/folder.ts';
import { hostPath } from '../files/host-path.ts';
import { findStandingBytes } from '../files/standing.ts';
import { type CertificateFacts, factsIn } from './current.ts';
import { CHAIN_FILE, findSpki, KEY_FILE } from './pair.ts';
import { listWaiting, type WaitingRequest } from './pending.ts';
import { findTLSPlaces } from './place.ts';
import { whereOf } from './until-served.ts';

/** What a port answers with, held against what is installed. */
export type ServedState =
  | { readonly at: string; readonly fingerprint: string; readonly same: boolean; readonly notAfter: Date }
  | { readonly at: string; readonly problem: string };

/** A request that waits: never its key. */
export interface WaitingTLS extends Omit<WaitingRequest, 'csrDER'> {
  /** Base64 of PKCS#10 in DER. */
  readonly csr: string;
}

/** A certificate on this site, as it is told: never its key. */
export interface SiteTLS extends Partial<CertificateFacts> {
  /** The folder, on this host. */
  readonly path: string;
  readonly daysLeft?: number;
  readonly level?: CertificateLevel;
  /** Whether the key beside it is of it. */
  readonly keyMatches?: boolean;
  /** Where an address is known. */
  readonly served?: ServedState;
  /** Requests that went out and have no answer, the newest first; left out where none waits. */
  readonly waiting?: readonly WaitingTLS[];
  /** Why it cannot be read. */
  readonly problem?: string;
}

export interface LookAtTLSOptions {
  /** None on a host without one. */
  readonly state: SiteStateReader | undefined;
  /** What stands before every installed path. */
  readonly prefix: string;
  /** The site's clock. */
  readonly clock: Date;
  /** Where it is served. @default nobody looks */
  readonly probe?: HostPort | undefined;
  /** How long that may take. @default 3000 */
  readonly probeTimeoutMs?: number | undefined;
}

const PROBE_MS = 3000;
const LIMIT = { max: MAX_TLS_BYTES };

/**
 * What stands at the first place where one stands; `undefined` where none does and no request waits.
 * @throws {StateError}, {ManifestError}
 */
export async function lookAtTLS(options: LookAtTLSOptions): Promise<SiteTLS | undefined> {
  const { state, prefix } = options;
  const { dirs, product } = await findTLSPlaces(state);
  const usual = `/etc/${product}/tls`;
  const tree = new FolderTree(prefix);
  try {
    for (const dir of new Set([...dirs, usual])) {
      const found = await lookAt(dir, tree, options);
      if (found !== undefined) return { ...found, ...(await waitingFor(state, found.spki)) };
    }
  } finally {
    await tree.close();
  }
  const { waiting } = await waitingFor(state, undefined);
  const path = hostPath(prefix, dirs[0] ?? usual);
  return waiting === undefined && dirs.length === 0 ? undefined : { path, ...(waiting && { waiting }) };
}

/** A key that waits and is installed has its certificate: the run that would have let it go was killed. */
async function waitingFor(
  state: SiteStateReader | undefined,
  spki: string | undefined,
): Promise<Pick<SiteTLS, 'waiting'>> {
  const requests = state === undefined ? [] : await listWaiting(state);
  const waiting = requests
    .filter((request) => request.spki !== spki)
    .map(({ csrDER, ...request }) => ({ ...request, csr: csrDER.toString('base64') }));
  return waiting.length === 0 ? {} : { waiting };
}

async function lookAt(dir: string, tree: FolderTree, options: LookAtTLSOptions): Promise<SiteTLS | undefined> {
  const path = hostPath(options.prefix, dir);
  try {
    const chain = await findStandingBytes(tree, `${dir}/${CHAIN_FILE}`, LIMIT);
    if (chain === undefined) return undefined;
    const facts = await factsIn(chain, CHAIN_FILE);
    if (facts === undefined) return { path, problem: `${CHAIN_FILE}: expected a certificate, got something else` };
    const key = await findStandingBytes(tree, `${dir}/${KEY_FILE}`, LIMIT);
    const keyMatches = key !== undefined && findSpki(key) === facts.spki;
    const served = options.probe && (await lookServed(facts, options.probe, options));
    return { path, ...facts, ...certificateState(facts, options.clock), keyMatches, ...(served && { served }) };
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    return { path, problem: error.message };
  }
}

async function lookServed(
  { fingerprint, names: [name] }: CertificateFacts,
  { host, port }: HostPort,
  { probeTimeoutMs: timeoutMs = PROBE_MS }: LookAtTLSOptions,
): Promise<ServedState> {
  const at = whereOf({ host, port, name: name ?? host, timeoutMs });
  try {
    const served = await probe({ host, port, name, timeoutMs });
    const same = served.fingerprint === fingerprint;
    return { at, fingerprint: served.fingerprint, same, notAfter: served.notAfter };
  } catch (error) {
    if (!(error instanceof TLSError)) throw error;
    return { at, problem: error.message };
  }
}
