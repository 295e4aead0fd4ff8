/**
 * `ferry site init`: the identity of this site, made before anything else is known here, and its name. What an import or
 * `trust` made is not made again; another name renames the site, whose keys and ID stay.
 */

import { FerryError } from '../../errors.ts';
import {
  checkName,
  ensureSiteIdentity,
  findSiteIdentity,
  isWhole,
  nameSite,
  type WholeIdentity,
} from '../../site/index.ts';
import { openState, type SiteState, type SystemLog } from '../../state/index.ts';
import { keyFingerprint } from '../../trust/index.ts';
import { writeRefusal } from '../records/refusal.ts';
import { type RecoverOptions, recoverPending } from '../transaction/recover.ts';

export interface InitSiteOptions {
  readonly stateDir: string;
  /** @default the name that it has, or the host's */
  readonly name?: string | undefined;
  readonly now: Date;
  /** The command as it was typed, for the hint of a missing privilege. */
  readonly command?: string | undefined;
  /** For a transaction that is pending here: it comes first. */
  readonly engine?: RecoverOptions['engine'] | undefined;
  /** Takes each line of the audit log for the journal of the system too. */
  readonly systemLog?: SystemLog | undefined;
}

/** Who a site is, for people. */
export interface NamedSite {
  readonly site: string;
  readonly name: string;
  /** Of the signing key, 64 hex digits: what an office compares. */
  readonly fingerprint: string;
  /** The same, 12 of them. */
  readonly words: readonly string[];
}

export interface InitSiteResult extends NamedSite {
  /** `completed`: a site of ferry 0.1.0 got what it lacked. */
  readonly action: 'made' | 'completed' | 'renamed' | 'same';
  /** The name before. */
  readonly former?: string;
}

/**
 * Makes what is missing of the identity, and names the site.
 * @throws {SiteError} `NAME_INVALID`, `IDENTITY_DAMAGED`; {StateError}; {ContentError} `LOCKED`, `NO_SPACE`
 */
export async function initSite(options: InitSiteOptions): Promise<InitSiteResult> {
  const { stateDir, command, systemLog, now } = options;
  const name = options.name === undefined ? undefined : checkName(options.name);
  const state = await openState(stateDir, { command, systemLog });
  const lock = await state.lock();
  try {
    return await init(state, { ...options, name });
  } catch (error) {
    if (error instanceof FerryError) await writeRefusal(state, error, { facts: { command: 'site init' }, now });
    throw error;
  } finally {
    await lock.release();
  }
}

async function init(state: SiteState, { name, now, engine }: InitSiteOptions): Promise<InitSiteResult> {
  if (engine !== undefined) await recoverPending(state, { engine, now });
  const before = await findSiteIdentity(state);
  const made = await ensureSiteIdentity(state, { name, now });
  const isRenamed = name !== undefined && name !== made.name;
  const identity = isRenamed ? { ...made, name: await nameSite(state, name) } : made;
  const action = before === undefined ? 'made' : isRenamed ? 'renamed' : isWhole(before) ? 'same' : 'completed';
  const former = isRenamed ? { former: made.name } : {};
  if (action !== 'same') {
    const facts = { action, site: identity.site, name: identity.name, ...former };
    await state.appendAudit({ event: 'identity', at: now, facts });
  }
  return { ...namedSite(identity), action, ...former };
}

/** What a person at the site reads out to the office. */
export function namedSite({ site, name, key }: WholeIdentity): NamedSite {
  const { hex, words } = keyFingerprint(key);
  return { site, name, fingerprint: hex, words };
}
