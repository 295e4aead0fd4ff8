/**
 * `fleet/<siteID>.json`: a card as it came, and whether somebody compared it. A card is opened the same way when it comes
 * and whenever it is read again: signed by the key that it names, for the site of that key, with an age key that is one.
 */
import { join } from 'node:path';
import { canonicalJSON, findFileBounded, parseJSON, writeAtomic } from '../content/index.ts';
import { FerryError } from '../errors.ts';
import type { SiteCard } from '../manifest/index.ts';
import { checkFormat, FORMAT, ManifestError, MIN_FERRY, parseSiteCard, SITE_CARD } from '../manifest/index.ts';
import { isRecipient } from '../seal/index.ts';
import type { PublicKey } from '../trust/index.ts';
import { ed25519Key, MAX_ENVELOPE_BYTES, openEnvelope, peekEnvelope, siteIDOf, TrustError } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { Workspace } from './open.ts';
import type { WorkspacePaths } from './paths.ts';

/** A card that its site has signed. */
export interface OpenedCard {
  /** As it came. */
  readonly bytes: Uint8Array;
  readonly card: SiteCard;
  /** Which signed it. */
  readonly key: PublicKey;
}

/** A site that is pinned. */
export interface FleetEntry {
  readonly opened: OpenedCard;
  readonly confirmed: boolean;
}

/**
 * What a site says of itself. That it is the site which is meant, a person has to say.
 * @throws {TrustError} `ENVELOPE_INVALID`, `SIGNATURE_INVALID`; {ManifestError} `CARD_INVALID`, `FORMAT_TOO_NEW`;
 *   {WorkspaceError} `CARD_PRODUCT` when it is a site of another product than `product`.
 */
export async function openCard(bytes: Uint8Array, product: string): Promise<OpenedCard> {
  const { card, key } = asCard(() => readCard(bytes));
  if (siteIDOf(key) !== card.site) throw invalid('site', 'the ID that follows from keys.sign');
  if (!(await isRecipient(card.keys.age))) throw invalid('keys.age', 'an age recipient (age1…)');
  if (card.product !== undefined && card.product !== product) {
    throw new WorkspaceError(`open card of ${card.site}: expected a site of ${product}, got one of ${card.product}`, {
      code: 'CARD_PRODUCT',
      facts: { site: card.site, product: card.product },
    });
  }
  return { bytes, card, key };
}

function readCard(bytes: Uint8Array): Omit<OpenedCard, 'bytes'> {
  const { content } = peekEnvelope(bytes);
  if (content.type !== SITE_CARD) {
    throw new TrustError(`read site card: expected type ${SITE_CARD}, got another`, { code: 'ENVELOPE_INVALID' });
  }
  const card = parseSiteCard(content);
  const key = ed25519Key(card.keys.sign);
  openEnvelope(bytes, key, SITE_CARD);
  return { card, key };
}

/** A bundle that is altered is the office's business, a card is the site's. */
function asCard<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof TrustError)) throw cause;
    const { code, message, facts } = cause;
    const hint = 'name the file that `ferry site card` wrote at the site; one that was altered is made anew there';
    throw new TrustError(message, { code, cause, facts, hint });
  }
}

/** The entry of a site, or `undefined` when nobody has added it. @throws {WorkspaceError} `WORKSPACE_INVALID` */
export async function findEntry({ paths, product }: Workspace, site: string): Promise<FleetEntry | undefined> {
  const path = entryPath(paths, site);
  const bytes = await findFileBounded(path, { max: 2 * MAX_ENVELOPE_BYTES });
  if (bytes === undefined) return undefined;
  try {
    const value = parseJSON(bytes, 'fleet entry');
    checkFormat(value, path);
    const { card, confirmed } = Object(value) as Record<string, unknown>;
    const opened = await openCard(canonicalJSON(card ?? {}), product);
    if (opened.card.site === site && typeof confirmed === 'boolean') return { opened, confirmed };
  } catch (cause) {
    if (!(cause instanceof FerryError) || cause.code === 'FORMAT_TOO_NEW') throw cause;
    throw broken(path, cause);
  }
  throw broken(path);
}

/** Stores it in place of what was known of the site. */
export async function writeEntry(paths: WorkspacePaths, { opened, confirmed }: FleetEntry): Promise<void> {
  const card = parseJSON(opened.bytes, 'site card');
  const document = { format: FORMAT, minFerry: MIN_FERRY, card, confirmed };
  await writeAtomic(entryPath(paths, opened.card.site), canonicalJSON(document));
}

function entryPath({ fleet }: WorkspacePaths, site: string): string {
  return join(fleet, `${site}.json`);
}

function invalid(field: string, expected: string): ManifestError {
  return new ManifestError(`read site card: ${field}: expected ${expected}, got another text`, {
    code: 'CARD_INVALID',
  });
}

function broken(path: string, cause?: unknown): WorkspaceError {
  return new WorkspaceError(`read fleet: expected ${path} as ferry wrote it, got something else`, {
    code: 'WORKSPACE_INVALID',
    cause,
    hint: 'remove that file and add the site again with its card: ferry fleet add',
  });
}
