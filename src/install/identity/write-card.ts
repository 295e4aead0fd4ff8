/**
 * `ferry site card`: the card of this site in a file, for the office. It needs an identity and nothing else: where no
 * engine answers the card says so by saying nothing of one.
 */

import { findFileBounded, writeAtomic, writeNew } from '../../content/index.ts';
import { DockerError, type Engine } from '../../docker/index.ts';
import { parseSiteCard, SITE_CARD } from '../../manifest/index.ts';
import {
  ensureSiteIdentity,
  findSiteIdentity,
  isWhole,
  SiteError,
  type SiteIdentity,
  type WholeIdentity,
} from '../../site/index.ts';
import { findState, openState, type SiteStateReader } from '../../state/index.ts';
import { MAX_ENVELOPE_BYTES, openEnvelope, TrustError } from '../../trust/index.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { showLicense } from '../license/show.ts';
import { siteClock } from '../license/site-clock.ts';
import { showTLS } from '../tls/show.ts';
import { type NamedSite, namedSite } from './init-site.ts';
import { signCard } from './sign-card.ts';

export interface WriteCardOptions {
  readonly stateDir: string;
  /** Path of the file; one that is there is replaced only if it is a card of this site. */
  readonly out: string;
  /** Connects to the engine. */
  readonly engine: () => Promise<Engine>;
  /** What stands before every installed path. @default what the receipt says */
  readonly prefix?: string | undefined;
  readonly now: Date;
  /** Of the commit that this ferry was built from. */
  readonly buildTime?: Date | undefined;
  /** The command as it was typed, for the hint of a missing privilege. */
  readonly command?: string | undefined;
}

export interface WrittenCard extends NamedSite {
  readonly path: string;
  readonly warnings: readonly string[];
}

/**
 * Writes the card.
 * @throws {SiteError} `IDENTITY_MISSING`, `IDENTITY_DAMAGED`; {ContentError} `NAME_TAKEN`, `NO_SPACE`, `READ_ONLY`,
 *   `NOT_WRITABLE`; {StateError}
 */
export async function writeCard(options: WriteCardOptions): Promise<WrittenCard> {
  const { stateDir, out, engine } = options;
  const state = await findState(stateDir);
  const found = state && (await findSiteIdentity(state));
  if (state === undefined || found === undefined) {
    throw new SiteError(`make site card: expected a site in ${stateDir}, got none`, { code: 'IDENTITY_MISSING' });
  }
  const identity = isWhole(found) ? found : await complete(options);
  const { card, warnings } = await withEngine(engine, (asked) =>
    cardOf(state, identity, { ...options, engine: asked }),
  );
  if (await isOurs(out, identity)) await writeAtomic(out, card);
  else await writeNew(out, card);
  return { ...namedSite(identity), path: out, warnings };
}

/** Of a site that ferry 0.1.0 made. */
async function complete({ stateDir, now, command }: WriteCardOptions): Promise<WholeIdentity> {
  const state = await openState(stateDir, { command });
  const lock = await state.lock();
  try {
    return await ensureSiteIdentity(state, { now });
  } finally {
    await lock.release();
  }
}

async function cardOf(
  state: SiteStateReader,
  identity: WholeIdentity,
  { engine, stateDir, prefix, now, buildTime }: Omit<WriteCardOptions, 'engine'> & { engine: Engine | DockerError },
): Promise<{ readonly card: Buffer; readonly warnings: readonly string[] }> {
  const isDown = engine instanceof DockerError;
  const trust = await findSiteTrust(state);
  const license = () => showLicense({ stateDir, prefix, now, buildTime });
  const tls = () => showTLS({ stateDir, prefix, now, buildTime });
  const clock = siteClock(trust, { now, buildTime });
  const signed = await signCard({
    ...{ state, identity, trust, engine: isDown ? undefined : engine, license, tls, clock },
  });
  const unasked = isDown ? [`the card says nothing of engine and images: ${engine.message}`] : [];
  return { card: signed.card, warnings: [...unasked, ...signed.warnings] };
}

async function withEngine<T>(
  connect: () => Promise<Engine>,
  use: (engine: Engine | DockerError) => Promise<T>,
): Promise<T> {
  const engine = await connect().catch((error: unknown) => {
    if (error instanceof DockerError) return error;
    throw error;
  });
  try {
    return await use(engine);
  } finally {
    if (!(engine instanceof DockerError)) engine.close();
  }
}

/** Whether a former card of this site stands there. */
async function isOurs(path: string, { key, site }: SiteIdentity): Promise<boolean> {
  const bytes = await findFileBounded(path, { max: MAX_ENVELOPE_BYTES });
  if (bytes === undefined) return false;
  try {
    return parseSiteCard(openEnvelope(bytes, key, SITE_CARD)).site === site;
  } catch (error) {
    if (error instanceof TrustError) return false;
    throw error;
  }
}
