/**
 * Who this site is: an Ed25519 key made here, once, that signs its card and its receipts; an age key, so that a licence
 * can be sealed for it alone; and a name for people. Private halves never leave `<state>/identity`. The site's ID is the
 * head of the signing keyID. FORMAT, head, §4 and §7.
 */

import { hostname } from 'node:os';
import { isSiteName } from '../manifest/index.ts';
import { type AgeIdentity, generateIdentity, recipientOf } from '../seal/index.ts';
import type { SiteState, SiteStateReader } from '../state/index.ts';
import { generateKey, type PublicKey, publicKeyOf, siteIDOf } from '../trust/index.ts';
import { SiteError } from './error.ts';

const SIGN = 'sign.pem';
const AGE = 'age.txt';
const SITE = 'site.json';

/** The site's name and the keys behind it. */
export interface SiteIdentity {
  /** The first 16 hex digits of the key's keyID. */
  readonly site: string;
  readonly key: PublicKey;
  /** PKCS#8 PEM; goes nowhere but into a signature. */
  readonly privatePEM: string;
  /** As people call it, one line. Ferry 0.1.0 gave none: a command that changes the site does. */
  readonly name?: string;
  /** What opens files that are sealed for this site. Ferry 0.1.0 made none: see `name`. */
  readonly age?: AgeIdentity;
}

/** An identity with all that belongs to it. */
export type WholeIdentity = SiteIdentity & { readonly name: string; readonly age: AgeIdentity };

export interface EnsureIdentityOptions {
  /** For a site that has no name yet. @default the host's */
  readonly name?: string | undefined;
  /** For the comment in age.txt. @default the system's clock */
  readonly now?: Date | undefined;
}

/**
 * The site's identity as far as it is there, or `undefined` before one was made.
 * @throws {SiteError} `IDENTITY_DAMAGED`; {StateError} `STATE_DAMAGED`, `FORMAT_TOO_NEW`
 */
export async function findSiteIdentity(state: SiteStateReader): Promise<SiteIdentity | undefined> {
  const stored = await state.findIdentity(SIGN);
  if (stored === undefined) return undefined;
  const privatePEM = stored.toString('utf8');
  const key = readPublicKey(privatePEM);
  const [name, age] = [await findName(state), await findAge(state)];
  return { site: siteIDOf(key), key, privatePEM, ...(name !== undefined && { name }), ...(age && { age }) };
}

/** Whether there is nothing to be made any more. */
export function isWhole(identity: SiteIdentity | undefined): identity is WholeIdentity {
  return identity?.name !== undefined && identity.age !== undefined;
}

/**
 * The site's identity; what is missing of it is made and stored, what is there stays. Wants the state's lock.
 * @throws {SiteError} `IDENTITY_DAMAGED`; {StateError} `STATE_DAMAGED`, `FORMAT_TOO_NEW`
 */
export async function ensureSiteIdentity(
  state: SiteState,
  { name, now = new Date() }: EnsureIdentityOptions = {},
): Promise<WholeIdentity> {
  const found = (await findSiteIdentity(state)) ?? (await makeKey(state));
  const age = found.age ?? (await makeAge(state, now));
  const called = found.name ?? (await nameSite(state, name ?? defaultName(found.site)));
  return { ...found, age, name: called };
}

/**
 * Calls the site so from now on; answers the name as it is stored.
 * @throws {SiteError} `NAME_INVALID`
 */
export async function nameSite(state: SiteState, text: string): Promise<string> {
  const name = checkName(text);
  await state.writeIdentityDocument(SITE, { name });
  return name;
}

/** A name as it is stored: in one form of Unicode, nothing around it. @throws {SiteError} `NAME_INVALID` */
export function checkName(text: string): string {
  const name = text.normalize('NFC').trim();
  if (isSiteName(name)) return name;
  throw new SiteError('name the site: expected one line of 1 to 64 characters that is no site ID, got another text', {
    code: 'NAME_INVALID',
  });
}

/** The host's name, where it can be one; a machine that was never named gets one that tells it apart. */
function defaultName(site: string): string {
  const host = hostname().normalize('NFC').trim();
  return isSiteName(host) ? host : `site-${site.slice(0, 8)}`;
}

async function makeKey(state: SiteState): Promise<SiteIdentity> {
  const { key, privatePEM } = generateKey();
  await state.writeIdentity(SIGN, Buffer.from(privatePEM));
  return { site: siteIDOf(key), key, privatePEM };
}

/** As `age-keygen` writes it, so that `age -d -i` takes the file. */
async function makeAge(state: SiteState, now: Date): Promise<AgeIdentity> {
  const age = await generateIdentity();
  const created = `${now.toISOString().slice(0, 19)}Z`;
  await state.writeIdentity(
    AGE,
    Buffer.from(`# created: ${created}\n# public key: ${age.recipient}\n${age.identity}\n`),
  );
  return age;
}

async function findName(state: SiteStateReader): Promise<string | undefined> {
  const document = await state.findIdentityDocument(SITE);
  if (document === undefined) return undefined;
  const name = document['name'];
  if (typeof name === 'string' && isSiteName(name)) return name;
  throw damaged(SITE, 'a name of one line', 'another');
}

async function findAge(state: SiteStateReader): Promise<AgeIdentity | undefined> {
  const stored = await state.findIdentity(AGE);
  if (stored === undefined) return undefined;
  const lines = stored.toString('utf8').split(/\r?\n/);
  const [identity = '', more] = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  try {
    if (more === undefined) return { identity, recipient: await recipientOf(identity) };
  } catch {
    // what it was is in no message
  }
  throw damaged(AGE, 'one age identity', 'something else');
}

function readPublicKey(privatePEM: string): PublicKey {
  try {
    return publicKeyOf(privatePEM);
  } catch (cause) {
    // the cause is kept out: parsers may quote what they could not read
    throw damaged(SIGN, 'an Ed25519 private key in PEM', cause instanceof Error ? cause.name : 'unreadable');
  }
}

function damaged(file: string, expected: string, got: string): SiteError {
  return new SiteError(`read identity: ${file}: expected ${expected}, got ${got}`, { code: 'IDENTITY_DAMAGED' });
}
