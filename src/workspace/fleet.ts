/**
 * The sites that an office knows, each pinned by the key that signs its card (FORMAT §4, §6): the first card is compared by
 * a person, later ones must be signed by that key. What is sealed for a site goes to the age key of the newest card, and
 * another age key than the pinned one wants a person again. `fleet/<siteID>.json` holds the card as it came.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireLock, isErrno } from '../content/index.ts';
import type { SiteCard } from '../manifest/index.ts';
import type { Fingerprint, PublicKey } from '../trust/index.ts';
import {
  keyFingerprint,
  matchesFingerprint,
  matchesKeyFingerprint,
  refuseMistyped,
  TrustError,
} from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import { type FleetEntry, findEntry, type OpenedCard, openCard, writeEntry } from './fleet-entry.ts';
import type { Workspace } from './open.ts';

/** A site that somebody has compared, or pinned without. */
export interface FleetSite {
  /** The siteID. */
  readonly site: string;
  /** As its operator calls it. */
  readonly name: string;
  /** `age1…`: what is sealed for it only it can open. */
  readonly recipient: string;
  readonly product?: string;
  /** When its newest card was made, ISO 8601. */
  readonly issued: string;
  /** Whether somebody compared its fingerprint. */
  readonly confirmed: boolean;
  /** Of what was installed when the card was made; 0 for nothing of ferry's. */
  readonly sequence?: number;
  /** How long its licence was to last then, ISO 8601. */
  readonly licenseUntil?: string;
  /** The certificate that it had then: `notAfter` in ISO 8601, `spki` in hex. */
  readonly certificate?: NonNullable<SiteCard['certificate']>;
  /** The request for a certificate that waited then, DER in base64. */
  readonly csr?: string;
}

/** How a card is to be confirmed. */
export interface AddToFleetOptions {
  /** 64 hex digits or 12 words, of the site's signing key or of the card's file. */
  readonly fingerprint?: string | undefined;
  /** Asks a person for them; answers what was typed. */
  readonly ask?: (() => Promise<string>) | undefined;
  /** Pin without a comparison when there is none. @default false */
  readonly yes?: boolean | undefined;
}

/** What became of a card. */
export interface AddedSite {
  readonly site: string;
  readonly name: string;
  readonly action: 'added' | 'same' | 'updated';
  /** Whether somebody compared it, now or before. */
  readonly confirmed: boolean;
  /** Of the site's signing key; only when it was compared. */
  readonly fingerprint?: Fingerprint;
}

/** Others hold it while they write one small file. */
const WAIT_MS = 10_000;
const ENTRY = /^([0-9a-f]{16})\.json$/;

/**
 * Pins a site by its card, or takes a newer card of one that is pinned.
 * @throws {WorkspaceError} `CARD_NOT_COMPARED` when nobody compared it, `CARD_CHANGED` when its keys are other ones than
 *   those that are pinned and nobody compared it, `CARD_PRODUCT`; {TrustError} `FINGERPRINT_MISMATCH`,
 *   `ENVELOPE_INVALID`, `SIGNATURE_INVALID`; {ManifestError} `CARD_INVALID`, `FORMAT_TOO_NEW`. Nothing changes then.
 */
export async function addToFleet(
  workspace: Workspace,
  bytes: Uint8Array,
  options: AddToFleetOptions = {},
): Promise<AddedSite> {
  const opened = await openCard(bytes, workspace.product);
  const { site } = opened.card;
  // nobody waits for the fleet while somebody looks for a sheet of paper
  const isCompared = await compare(opened, await findEntry(workspace, site), options);
  return withFleetLock(workspace, async () => {
    const pinned = await findEntry(workspace, site);
    const entry = decide(opened, pinned, { isCompared, ...options });
    const isSame = entry.opened === pinned?.opened && entry.confirmed === pinned.confirmed;
    if (!isSame) await writeEntry(workspace.paths, entry);
    const action = pinned === undefined ? 'added' : isSame ? 'same' : 'updated';
    const { confirmed, opened: kept } = entry;
    const named = { site, name: kept.card.name, action, confirmed } as const;
    return { ...named, ...(confirmed && { fingerprint: keyFingerprint(kept.key) }) };
  });
}

interface Decision extends AddToFleetOptions {
  readonly isCompared: boolean;
}

/** What is to be known of the site from now on. */
function decide(opened: OpenedCard, pinned: FleetEntry | undefined, { isCompared, yes }: Decision): FleetEntry {
  if (pinned === undefined) {
    if (isCompared || yes) return { opened, confirmed: isCompared };
    throw new WorkspaceError('add site: expected its fingerprint, 64 digits or 12 words, got no answer', {
      code: 'CARD_NOT_COMPARED',
    });
  }
  const isOther = !hasSameKeys(pinned.opened, opened);
  if (isOther && !isCompared) throw cardChanged(pinned.opened, opened);
  const confirmed = isCompared || pinned.confirmed;
  return { opened: isOther || isNewer(opened, pinned.opened) ? opened : pinned.opened, confirmed };
}

/**
 * The site of a card, if the office knows it. A newer card of it is stored; of an older one the newest is answered.
 * @throws {WorkspaceError} `SITE_UNKNOWN`, `CARD_CHANGED`, `CARD_PRODUCT`; {TrustError} `ENVELOPE_INVALID`,
 *   `SIGNATURE_INVALID`; {ManifestError} `CARD_INVALID`, `FORMAT_TOO_NEW`.
 */
export async function openFleetCard(workspace: Workspace, bytes: Uint8Array): Promise<FleetSite> {
  const opened = await openCard(bytes, workspace.product);
  return withFleetLock(workspace, async () => {
    const pinned = await findEntry(workspace, opened.card.site);
    if (pinned === undefined) throw siteUnknown(`${opened.card.site} (${JSON.stringify(opened.card.name)})`);
    if (!hasSameKeys(pinned.opened, opened)) throw cardChanged(pinned.opened, opened);
    if (!isNewer(opened, pinned.opened)) return fleetSite(pinned);
    const entry = { ...pinned, opened };
    await writeEntry(workspace.paths, entry);
    return fleetSite(entry);
  });
}

/** All sites that the office knows, by name. @throws {WorkspaceError} `WORKSPACE_INVALID` */
export async function listFleet(workspace: Workspace): Promise<readonly FleetSite[]> {
  const sites: FleetSite[] = [];
  for (const file of await namesIn(workspace.paths.fleet)) {
    const entry = await findEntry(workspace, ENTRY.exec(file)?.[1] ?? '');
    if (entry !== undefined) sites.push(fleetSite(entry));
  }
  return sites.toSorted((a, b) => compareTexts(a.name, b.name) || compareTexts(a.site, b.site));
}

/** A site by its ID or its name; `undefined` when none is called so. @throws {WorkspaceError} `SITE_AMBIGUOUS` naming those that are */
export function findInFleet(sites: readonly FleetSite[], idOrName: string): FleetSite | undefined {
  const wanted = idOrName.normalize('NFC');
  const byID = sites.find(({ site }) => site === wanted);
  if (byID !== undefined) return byID;
  const named = sites.filter(({ name }) => name.normalize('NFC') === wanted);
  if (named.length < 2) return named[0];
  const ids = named.map(({ site }) => site);
  throw new WorkspaceError(`find site ${JSON.stringify(idOrName)}: expected one of that name, got ${ids.join(', ')}`, {
    code: 'SITE_AMBIGUOUS',
    facts: { name: idOrName, sites: ids },
  });
}

/** The error for a site that nobody has added. @param what its ID or name */
export function siteUnknown(what: string): WorkspaceError {
  return new WorkspaceError(`find site ${what}: expected one of this fleet, got one that nobody has added`, {
    code: 'SITE_UNKNOWN',
  });
}

function fleetSite({ opened: { card }, confirmed }: FleetEntry): FleetSite {
  return {
    site: card.site,
    name: card.name,
    recipient: card.keys.age,
    ...(card.product !== undefined && { product: card.product }),
    issued: card.issued,
    confirmed,
    ...(card.trust && { sequence: card.trust.sequence }),
    ...(card.license && { licenseUntil: card.license.validUntil }),
    ...(card.certificate && { certificate: card.certificate }),
    ...(card.csr !== undefined && { csr: card.csr }),
  };
}

/**
 * Whether the card was compared with what a person holds, who is asked only where nobody has compared these keys before.
 * @throws {TrustError} `FINGERPRINT_MISMATCH`; nothing of the right one is told
 */
async function compare(
  opened: OpenedCard,
  pinned: FleetEntry | undefined,
  { fingerprint, ask }: AddToFleetOptions,
): Promise<boolean> {
  const isKnown = pinned?.confirmed === true && hasSameKeys(pinned.opened, opened);
  const text = fingerprint ?? (isKnown ? undefined : await ask?.());
  if (text === undefined) return false;
  refuseMistyped(text);
  if (matchesKeyFingerprint(opened.key, text) || matchesFingerprint(opened.bytes, text)) return true;
  throw new TrustError("add site: expected the fingerprint of the card's site, got that of another", {
    code: 'FINGERPRINT_MISMATCH',
    hint: 'compare with what `ferry site card` printed at the site; if it is typed right, this card is not of that site',
  });
}

function hasSameKeys(one: OpenedCard, other: OpenedCard): boolean {
  const value = ({ value: text }: PublicKey) => text;
  return value(one.key) === value(other.key) && one.card.keys.age === other.card.keys.age;
}

function isNewer(one: OpenedCard, other: OpenedCard): boolean {
  return Date.parse(one.card.issued) > Date.parse(other.card.issued);
}

function cardChanged(pinned: OpenedCard, { card, key }: OpenedCard): WorkspaceError {
  const which = key.value === pinned.key.value ? 'age key' : 'signing key';
  return new WorkspaceError(
    `open card of ${card.site}: expected the ${which} that is pinned for ${JSON.stringify(pinned.card.name)}, got another`,
    { code: 'CARD_CHANGED', facts: { site: card.site, name: pinned.card.name } },
  );
}

async function withFleetLock<T>({ paths, dir }: Workspace, use: () => Promise<T>): Promise<T> {
  await mkdir(paths.fleet, { recursive: true });
  const lock = await acquireLock(join(paths.fleet, 'lock'), { what: `the fleet of ${dir}`, waitMs: WAIT_MS });
  try {
    return await use();
  } finally {
    await lock.release();
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => ENTRY.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
