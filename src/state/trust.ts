/**
 * What the site trusts, as stored under `trust/`: root, catalogue, clock and floors. The whole is one set: it is written
 * as a new folder beside the old one and the link `trust` moves to it, so that no crash mixes the roles of two sets.
 * What the bytes mean is judged by the room trust, never here. FORMAT §2 "On the site", §7.
 */

import { join } from 'node:path';
import { findFileBounded } from '../content/index.ts';
import { findLink, listFolder, makeFolder, pointLink, putFile, removeName, syncFolder } from './disk.ts';
import { damaged, findDocument, isObject, stateDocument } from './document.ts';

const MAX_METADATA_BYTES = 8 * 1024 * 1024;
const CHAIN = ['timestamp', 'snapshot', 'targets'] as const;

/** The stored set; what the room trust takes and gives as its view of the site. */
export interface StoredTrust {
  /** The pinned root or its newest verified successor, as carried. */
  readonly root: Uint8Array;
  /** Whether a person compared the first root's fingerprint. */
  readonly confirmed: boolean;
  /** The newest verified catalogue, as carried; none before the first import. */
  readonly chain?: { readonly timestamp: Uint8Array; readonly snapshot: Uint8Array; readonly targets: Uint8Array };
  /** The highest `issued` verified so far, ISO 8601. */
  readonly clock?: string;
  /** Numbers below which nothing is taken any more. */
  readonly floors: Readonly<Record<string, unknown>>;
}

/**
 * The stored set, or `undefined` when no root was ever pinned.
 * @throws {StateError} `STATE_DAMAGED` when a part is missing or not as written.
 */
export async function findTrust(stateDir: string): Promise<StoredTrust | undefined> {
  const dir = join(stateDir, 'trust');
  const root = await findFileBounded(join(dir, 'root.json'), { max: MAX_METADATA_BYTES });
  if (root === undefined) return undefined;
  const floors = await findDocument(join(dir, 'floors.json'));
  if (floors === undefined) throw damaged(join(dir, 'floors.json'), 'expected a document beside root.json, got none');
  const chain = await findChain(dir);
  const clock = await findFileBounded(join(dir, 'clock'), { max: 64 });
  return {
    root,
    confirmed: floors['confirmed'] === true,
    ...(chain !== undefined && { chain }),
    ...(clock !== undefined && { clock: clock.toString('utf8').trim() }),
    floors: isObject(floors['floors']) ? floors['floors'] : {},
  };
}

async function findChain(dir: string): Promise<StoredTrust['chain']> {
  const [timestamp, snapshot, targets] = await Promise.all(
    CHAIN.map((role) => findFileBounded(join(dir, `${role}.json`), { max: MAX_METADATA_BYTES })),
  );
  if (timestamp === undefined && snapshot === undefined && targets === undefined) return undefined;
  if (timestamp === undefined || snapshot === undefined || targets === undefined) {
    throw damaged(dir, 'expected timestamp, snapshot and targets together');
  }
  return { timestamp, snapshot, targets };
}

/** Stores a set in place of the former one, whole; a set with the same bytes is left as it is. */
export async function writeTrust(stateDir: string, trust: StoredTrust): Promise<void> {
  const files = filesOf(trust);
  const current = await findLink(join(stateDir, 'trust'));
  if (current !== undefined && (await isSame(join(stateDir, current), files))) return;
  const name = nextName(current);
  await removeName(join(stateDir, name));
  await makeFolder(join(stateDir, name));
  for (const [file, bytes] of files) await putFile(join(stateDir, name, file), bytes);
  await syncFolder(join(stateDir, name));
  await pointLink(join(stateDir, 'trust'), name);
  await removeOthers(stateDir, name);
}

function filesOf(trust: StoredTrust): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>([
    ['root.json', trust.root],
    ['floors.json', stateDocument({ confirmed: trust.confirmed, floors: trust.floors })],
  ]);
  if (trust.chain !== undefined) for (const role of CHAIN) files.set(`${role}.json`, trust.chain[role]);
  if (trust.clock !== undefined) files.set('clock', Buffer.from(`${trust.clock}\n`));
  return files;
}

async function isSame(dir: string, files: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  if ((await listFolder(dir)).length !== files.size) return false;
  for (const [file, bytes] of files) {
    const stored = await findFileBounded(join(dir, file), { max: MAX_METADATA_BYTES });
    if (stored === undefined || !stored.equals(bytes)) return false;
  }
  return true;
}

function nextName(current: string | undefined): string {
  const number = Number(/^\.trust-(\d+)$/.exec(current ?? '')?.[1] ?? 0);
  return `.trust-${number + 1}`;
}

async function removeOthers(stateDir: string, name: string): Promise<void> {
  for (const entry of await listFolder(stateDir)) {
    if (/^\.trust-\d+$/.test(entry.name) && entry.name !== name) await removeName(join(stateDir, entry.name));
  }
}
