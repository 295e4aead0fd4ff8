/**
 * What is here: the release that is installed, its images as they are against as they were installed, how long the
 * catalogue holds. Whatever wants a person is a line in `attention`. Changes nothing. DESIGN "status".
 */

import { parseJSON } from '../content/index.ts';
import type { Engine } from '../docker/index.ts';
import { FerryError } from '../errors.ts';
import { parseReleaseDocument, type ReleaseDocument } from '../manifest/index.ts';
import { digestOf } from '../oci/index.ts';
import { findSiteIdentity } from '../site/index.ts';
import { findState, type SiteStateReader, type StoredRelease } from '../state/index.ts';
import { formatTime, rootRoles, type SiteTrust, showRelease } from '../trust/index.ts';
import { readKnownSite } from './judge.ts';
import { type ReceiptView, readReceipt } from './receipt.ts';

const DAY_MS = 86_400_000;
/** So long before its end a catalogue is worth a word. */
const NOTICE_DAYS = 30;

export interface StatusOptions {
  readonly stateDir: string;
  /** Connects to the engine; status also tells what it can without. */
  readonly engine: () => Promise<Engine>;
  readonly now: Date;
}

/** An image of the installed release. */
export interface StatusImage {
  readonly name: string;
  /** As installed. */
  readonly imageID: string;
  readonly ok: boolean;
  /** `moved`: the name is on another image now; `unknown`: the engine could not be asked. */
  readonly found: 'present' | 'missing' | 'moved' | 'unknown';
}

export interface SiteStatus {
  readonly site?: string;
  readonly product?: string;
  readonly release?: string;
  readonly sequence?: number;
  /** When it was installed, ISO 8601. */
  readonly installed?: string;
  readonly images: readonly StatusImage[];
  /** What may be installed, as far as this site knows. */
  readonly catalogue?: { readonly version: number; readonly issued: string; readonly expires: string };
  readonly root?: { readonly version: number; readonly confirmed: boolean; readonly expires: string };
  /** Lines for a person; status 10 when there are any. */
  readonly attention: readonly string[];
}

/** Looks at the site. @throws {StateError} when its folder cannot be read */
export async function siteStatus(options: StatusOptions): Promise<SiteStatus> {
  const state = await findState(options.stateDir);
  const { trust } = await readKnownSite(state);
  if (state === undefined || trust === undefined) {
    return { images: [], attention: ['no root is pinned here: pin one with ferry trust'] };
  }
  const identity = await findSiteIdentity(state);
  const current = await state.findCurrentRelease();
  const attention: string[] = [];
  const receipt = await findReceipt(state, current, attention);
  const images = await lookAtImages(receipt?.images ?? [], options, attention);
  return {
    ...(identity !== undefined && { site: identity.site }),
    ...(current !== undefined && (await releaseFields(state, current))),
    ...(receipt !== undefined && { installed: receipt.finished }),
    images,
    ...trustFields(trust, { now: options.now, current }, attention),
    attention,
  };
}

async function releaseFields(state: SiteStateReader, { document, sequence }: StoredRelease) {
  const { product, release }: ReleaseDocument = parseReleaseDocument(document);
  const { releases } = await readKnownSite(state);
  return { product, release: showRelease({ release, sequence }, releases), sequence };
}

async function findReceipt(
  state: SiteStateReader,
  current: StoredRelease | undefined,
  attention: string[],
): Promise<ReceiptView | undefined> {
  const identity = await findSiteIdentity(state);
  if (current === undefined || identity === undefined) return undefined;
  try {
    return readReceipt(current.receipt, identity.key);
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    attention.push(`the receipt of the installed release is not as this site signed it: ${error.message}`);
    return undefined;
  }
}

async function lookAtImages(
  images: ReceiptView['images'],
  { engine: connect }: StatusOptions,
  attention: string[],
): Promise<StatusImage[]> {
  let engine: Engine;
  try {
    engine = await connect();
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    attention.push(`the engine cannot be asked: ${error.message}`);
    return images.map(({ name, imageID }) => ({ name, imageID, ok: false, found: 'unknown' }));
  }
  try {
    const looked: StatusImage[] = [];
    for (const { name, imageID } of images) looked.push(lookAt(name, imageID, await engine.findTag(name)));
    for (const { name, found } of looked) if (found !== 'present') attention.push(wordsFor(name, found));
    return looked;
  } finally {
    engine.close();
  }
}

function lookAt(name: string, imageID: string, now: string | undefined): StatusImage {
  if (now === undefined) return { name, imageID, ok: false, found: 'missing' };
  return { name, imageID, ok: now === imageID, found: now === imageID ? 'present' : 'moved' };
}

function wordsFor(name: string, found: StatusImage['found']): string {
  const what = found === 'missing' ? 'is not in the engine any more' : 'is another image than the one installed';
  return `${name} ${what}: import the release again`;
}

function trustFields(
  trust: SiteTrust,
  { now, current }: { readonly now: Date; readonly current: StoredRelease | undefined },
  attention: string[],
): Pick<SiteStatus, 'root' | 'catalogue'> {
  const { version, expires } = rootRoles(trust.root);
  if (!trust.confirmed) {
    attention.push(
      'the root was pinned without comparing its fingerprint: run ferry trust with the words of the sheet',
    );
  }
  const root = { version, confirmed: trust.confirmed, expires: formatTime(expires) };
  if (trust.chain === undefined) return { root };
  const { timestamp, snapshot, targets } = trust.chain;
  const parts = [timestamp, snapshot, targets].map(signedOf);
  const end = new Date(Math.min(expires.getTime(), ...parts.map((part) => new Date(part.expires).getTime())));
  warnOfEnd(end, now, attention);
  const { issued, version: number } = signedOf(timestamp);
  if (current !== undefined && !lists(targets, current.document)) {
    attention.push('the installed release is revoked: the catalogue does not list it any more');
  }
  return { root, catalogue: { version: number, issued: issued ?? '', expires: formatTime(end) } };
}

function warnOfEnd(end: Date, now: Date, attention: string[]): void {
  const days = Math.floor((end.getTime() - now.getTime()) / DAY_MS);
  if (days >= NOTICE_DAYS) return;
  const when = days < 0 ? `ended ${formatTime(end)}` : `ends in ${days} days`;
  attention.push(`the catalogue ${when}: bring a new one, made with ferry catalogue export`);
}

interface StoredPart {
  readonly version: number;
  readonly expires: string;
  readonly issued?: string;
  readonly targets?: Readonly<Record<string, { readonly hashes?: { readonly sha256?: string } }>>;
}

/** Stored metadata was proven before it was stored: here it is only read. */
function signedOf(bytes: Uint8Array): StoredPart {
  return (parseJSON(bytes, 'stored catalogue') as { signed: StoredPart }).signed;
}

function lists(targets: Uint8Array, document: Uint8Array): boolean {
  const digest = digestOf(document);
  return Object.values(signedOf(targets).targets ?? {}).some(({ hashes }) => `sha256:${hashes?.sha256}` === digest);
}
