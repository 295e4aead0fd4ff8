/**
 * Keys that wait for their certificate: made here by `ferry tls request`, they never leave `<state>/identity/tls`.
 * `<spki>.pem` is the key, 0600; `<spki>.json` says what was asked for. A key without that was never asked for: the run
 * that made it was killed, and no request for it has left.
 */

import type { SiteState, SiteStateReader } from '../../state/index.ts';
import { spkiOf } from '../../tls/index.ts';

const FOLDER = 'tls';

/** A request that went out and has no answer yet. */
export interface WaitingRequest {
  readonly spki: string;
  /** DNS names, the common name first. */
  readonly names: readonly string[];
  readonly ips: readonly string[];
  readonly made: Date;
  /** PKCS#10. */
  readonly csrDER: Buffer;
}

/** All of them, the newest first. @throws {StateError} `STATE_DAMAGED`, `FORMAT_TOO_NEW` */
export async function listWaiting(state: SiteStateReader): Promise<readonly WaitingRequest[]> {
  const found: WaitingRequest[] = [];
  for (const name of await state.listIdentity(FOLDER)) {
    const spki = /^([0-9a-f]{64})\.json$/.exec(name)?.[1];
    const fields = spki === undefined ? undefined : await state.findIdentityDocument(`${FOLDER}/${name}`);
    if (spki !== undefined && fields !== undefined) found.push(waitingOf(spki, fields));
  }
  return found.toSorted((a, b) => b.made.getTime() - a.made.getTime() || (a.spki < b.spki ? -1 : 1));
}

/** As {@link keepWaiting} wrote it. */
function waitingOf(spki: string, fields: Readonly<Record<string, unknown>>): WaitingRequest {
  const { names, ips, made, csr } = fields as { names: string[]; ips: string[]; made: string; csr: string };
  return { spki, names, ips, made: new Date(made), csrDER: Buffer.from(csr, 'base64') };
}

/** The key that waits for a certificate, PKCS#8 PEM. Secret. */
export async function findWaitingKey(state: SiteStateReader, spki: string): Promise<string | undefined> {
  const keyPEM = (await state.findIdentity(keyName(spki)))?.toString('utf8');
  return keyPEM === undefined || !isKeyOf(keyPEM, spki) ? undefined : keyPEM;
}

/** A damaged key fits nothing; what it was is in no message. */
function isKeyOf(keyPEM: string, spki: string): boolean {
  try {
    return spkiOf(keyPEM) === spki;
  } catch {
    return false;
  }
}

/** Keeps a key and what was asked for it, the key first, both on the disk before this returns. Wants the state's lock. */
export async function keepWaiting(state: SiteState, keyPEM: string, request: WaitingRequest): Promise<void> {
  const { spki, names, ips, made, csrDER } = request;
  await state.writeIdentity(keyName(spki), Buffer.from(keyPEM));
  const fields = { names, ips, made: made.toISOString(), csr: csrDER.toString('base64') };
  await state.writeIdentityDocument(documentName(spki), fields);
}

/** Lets go of a key that has its certificate. */
export async function dropWaiting(state: SiteState, spki: string): Promise<void> {
  await state.removeIdentity(documentName(spki));
  await state.removeIdentity(keyName(spki));
}

function keyName(spki: string): string {
  return `${FOLDER}/${spki}.pem`;
}

function documentName(spki: string): string {
  return `${FOLDER}/${spki}.json`;
}
