/** What this site may install, as far as it knows: the root and whether a person compared it, the catalogue and its age. */

import { formatTime, rootRoles, type SiteTrust } from '../../trust/index.ts';
import { storedPart } from '../judge/stored-catalogue.ts';

const DAY_MS = 86_400_000;
/** So long before its end a catalogue is worth a word. */
const NOTICE_DAYS = 30;

export interface StatusRoot {
  readonly version: number;
  readonly confirmed: boolean;
  readonly expires: string;
}

export interface StatusCatalogue {
  readonly version: number;
  readonly issued: string;
  /** Whole days since then. */
  readonly ageDays: number;
  readonly expires: string;
}

/** Root and catalogue, with the lines for a person. */
export function lookAtTrust(
  trust: SiteTrust,
  now: Date,
): { readonly root: StatusRoot; readonly catalogue?: StatusCatalogue; readonly lines: readonly string[] } {
  const { version, expires } = rootRoles(trust.root);
  const root = { version, confirmed: trust.confirmed, expires: formatTime(expires) };
  const unconfirmed = trust.confirmed
    ? []
    : ['the root was pinned without comparing its fingerprint: run ferry trust with the words of the sheet'];
  if (trust.chain === undefined) return { root, lines: unconfirmed };
  const { timestamp, snapshot, targets } = trust.chain;
  const ends = [timestamp, snapshot, targets].map((part) => new Date(storedPart(part).expires).getTime());
  const end = new Date(Math.min(expires.getTime(), ...ends));
  const { issued = '', version: number } = storedPart(timestamp);
  const ageDays = Math.max(0, Math.floor((now.getTime() - new Date(issued).getTime()) / DAY_MS));
  const catalogue = { version: number, issued, ageDays, expires: formatTime(end) };
  return { root, catalogue, lines: [...unconfirmed, ...endLines(end, now)] };
}

function endLines(end: Date, now: Date): readonly string[] {
  const days = Math.floor((end.getTime() - now.getTime()) / DAY_MS);
  if (days >= NOTICE_DAYS) return [];
  const when = days < 0 ? `ended ${formatTime(end)}` : `ends in ${days} days`;
  return [`the catalogue ${when}: bring a new one, made with ferry catalogue export`];
}
