/**
 * The installed release as the state tells it: its documents, what it is on this host, the receipt that says so, and the
 * release that a rollback would bring back. What cannot be read is a line for a person and not the end of the report.
 */

import { FerryError } from '../../errors.ts';
import { parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { type SiteTrust, showRelease } from '../../trust/index.ts';
import { type ActivationRecord, findActivation } from '../activation/activation-record.ts';
import { isListed } from '../judge/stored-catalogue.ts';
import { findInstalled, type Installed } from '../kept/installed.ts';
import { openReceipt, type SignedReceipt } from '../records/signed-receipt.ts';

/** A release that is kept here. */
export interface KeptRelease {
  /** 0: what was here before the first import. */
  readonly sequence: number;
  readonly product: string;
  /** As people see it; in words for sequence 0. */
  readonly shown: string;
  /** None of sequence 0. */
  readonly document?: ReleaseDocument;
  readonly isRevoked: boolean;
  /** None of a release that an older ferry installed. */
  readonly installed?: Installed;
}

/** What is installed, and what goes with it. */
export interface InstalledRelease extends KeptRelease {
  readonly receipt?: SignedReceipt;
  readonly activation?: ActivationRecord;
  /** Where a rollback would go. */
  readonly previous?: KeptRelease;
  /** The other releases that are kept. */
  readonly others: readonly KeptRelease[];
}

export interface LookAtReleaseOptions {
  readonly state: SiteStateReader;
  readonly identity: SiteIdentity | undefined;
  readonly trust: SiteTrust;
}

/** What is installed, or `undefined` where nothing ever was, or it cannot be read; with lines for a person. */
export async function lookAtRelease(
  options: LookAtReleaseOptions,
): Promise<{ readonly release?: InstalledRelease; readonly lines: readonly string[] }> {
  const lines: string[] = [];
  const release = await told(lines, 'the installed release cannot be read', () => findRelease(options, lines));
  return { ...(release !== undefined && { release }), lines };
}

async function findRelease(options: LookAtReleaseOptions, lines: string[]): Promise<InstalledRelease | undefined> {
  const { state } = options;
  const current = await state.findCurrentSequence();
  if (current === undefined) return undefined;
  const documents = await readDocuments(state);
  const one = await keptRelease(options, current, documents);
  const others: KeptRelease[] = [];
  for (const sequence of [0, ...documents.keys()]) {
    if (sequence !== current) others.push(await keptRelease(options, sequence, documents));
  }
  const what = 'the receipt of the installed release is not as this site signed it';
  const receipt = await told(lines, what, () => findReceipt(options, current));
  const previous = others.find(({ sequence, installed }) => sequence === receipt?.previous && installed !== undefined);
  const activation = await findActivation(state, current);
  return { ...one, ...{ others }, ...defined({ receipt, previous, activation }) };
}

async function keptRelease(
  { state, trust }: LookAtReleaseOptions,
  sequence: number,
  documents: ReadonlyMap<number, Uint8Array>,
): Promise<KeptRelease> {
  const installed = await findInstalled(state, sequence);
  if (sequence === 0) {
    return { sequence, product: '', shown: 'what was here before ferry', isRevoked: false, ...defined({ installed }) };
  }
  const bytes = documents.get(sequence) ?? (await state.readRelease(sequence)).document;
  const document = parseReleaseDocument(bytes);
  const { product, release } = document;
  const known = [...documents].map(([number, other]) => ({
    release: parseReleaseDocument(other).release,
    sequence: number,
  }));
  const isRevoked = trust.chain !== undefined && !isListed(trust.chain.targets, bytes);
  const shown = showRelease({ release, sequence }, known);
  return { sequence, product, shown, document, isRevoked, ...defined({ installed }) };
}

async function readDocuments(state: SiteStateReader): Promise<ReadonlyMap<number, Uint8Array>> {
  const documents = new Map<number, Uint8Array>();
  for (const sequence of await state.listReleases()) {
    documents.set(sequence, (await state.readRelease(sequence)).document);
  }
  return documents;
}

async function findReceipt(
  { state, identity }: LookAtReleaseOptions,
  sequence: number,
): Promise<SignedReceipt | undefined> {
  const bytes = await state.findReleaseFile(sequence, 'receipt.json');
  return identity && bytes && openReceipt(bytes, identity);
}

/** What was read, or a line that says why not. */
async function told<T>(lines: string[], what: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    lines.push(`${what}: ${error.message}`);
    return undefined;
  }
}

function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
