/**
 * `ferry tls request`: a key that is made on this site and never leaves it, and the request that goes out for it. The key
 * is on the disk before the request is anywhere. The same names asked again are the same request, until its certificate
 * is installed.
 */

import { basename } from 'node:path';
import { findFileBounded, writeAtomic, writeNew } from '../../content/index.ts';
import { FerryError } from '../../errors.ts';
import { ensureSiteIdentity } from '../../site/index.ts';
import { openState, type SiteState, type SystemLog } from '../../state/index.ts';
import {
  canonicalIP,
  formatPEM,
  isRequest,
  MAX_TLS_BYTES,
  makeKey,
  makeRequest,
  parseServerName,
  TLSError,
} from '../../tls/index.ts';
import { writeRefusal } from '../records/refusal.ts';
import { type RecoverOptions, recoverPending } from '../transaction/recover.ts';
import { keepWaiting, listWaiting, type WaitingRequest } from './pending.ts';

export interface RequestTLSOptions extends Pick<RecoverOptions, 'engine'> {
  readonly stateDir: string;
  /** DNS names, the common name first. */
  readonly names: readonly string[];
  readonly ips: readonly string[];
  /** Path of the file; one that is there is replaced only if it is a request. */
  readonly out: string;
  /** Makes another key where one waits for these names. @default false */
  readonly newKey?: boolean | undefined;
  readonly now: Date;
  readonly command?: string | undefined;
  readonly systemLog?: SystemLog | undefined;
}

/** What was asked for: never the key. */
export interface RequestTLSResult extends Pick<WaitingRequest, 'spki' | 'names' | 'ips' | 'made'> {
  /** `same`: these names were asked for before, and no certificate has come. */
  readonly action: 'made' | 'same';
  readonly path: string;
  readonly warnings: readonly string[];
}

/**
 * Writes the request.
 * @throws {TLSError} `TLS_NAME_INVALID`; {ContentError} `NAME_TAKEN`, `NO_SPACE`, `LOCKED`; {StateError}
 */
export async function requestTLS(options: RequestTLSOptions): Promise<RequestTLSResult> {
  const { stateDir, command, systemLog, now, out } = options;
  const asked = { names: unique(options.names.map(parseServerName)), ips: unique(options.ips.map(parseIP)) };
  const state = await openState(stateDir, { command, systemLog });
  const lock = await state.lock();
  try {
    const { warnings } = await recoverPending(state, options);
    await ensureSiteIdentity(state, { now });
    const found = options.newKey ? undefined : await findSame(state, asked);
    const request = found ?? (await make(state, asked, now));
    await writeOut(out, request);
    const { spki, names, ips, made } = request;
    const action = found === undefined ? 'made' : 'same';
    return { action, path: out, spki, names, ips, made, warnings };
  } catch (error) {
    const facts = { command: 'tls request', file: basename(out) };
    if (error instanceof FerryError) await writeRefusal(state, error, { facts, now });
    throw error;
  } finally {
    await lock.release();
  }
}

type Asked = Pick<WaitingRequest, 'names' | 'ips'>;

/** In any order after the first, which is the common name. */
async function findSame(state: SiteState, asked: Asked): Promise<WaitingRequest | undefined> {
  return (await listWaiting(state)).find((request) => keyOf(request) === keyOf(asked));
}

function keyOf({ names: [first, ...names], ips }: Asked): string {
  return JSON.stringify([first, names.toSorted(), ips.toSorted()]);
}

async function make(state: SiteState, { names, ips }: Asked, made: Date): Promise<WaitingRequest> {
  const { keyPEM, spki } = await makeKey();
  const { csrDER } = await makeRequest({ keyPEM, names, ips });
  const request = { spki, names, ips, made, csrDER };
  await keepWaiting(state, keyPEM, request);
  await state.appendAudit({ event: 'tls', at: made, facts: { action: 'request', spki, names, ips } });
  return request;
}

async function writeOut(path: string, { csrDER }: WaitingRequest): Promise<void> {
  const pem = Buffer.from(formatPEM('CERTIFICATE REQUEST', csrDER));
  const former = await findFileBounded(path, { max: MAX_TLS_BYTES });
  if (former !== undefined && (await isRequest(former))) await writeAtomic(path, pem);
  else await writeNew(path, pem);
}

function parseIP(text: string): string {
  const address = canonicalIP(text);
  if (address !== undefined) return address;
  const got = JSON.stringify(text.slice(0, 100));
  throw new TLSError(`read --ip: expected an IP address, got ${got}`, { code: 'TLS_NAME_INVALID' });
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
