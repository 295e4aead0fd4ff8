/**
 * What this site tells of itself in its card, gathered: the installed release from the state, what the engine has of it,
 * whom the site trusts, how long its licence and its certificate hold, which request waits. A part that cannot be read is left out, and said. FORMAT §4.
 */

import type { Engine } from '../../docker/index.ts';
import { FerryError } from '../../errors.ts';
import { type HeldImage, parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import { isPlatformMatch, parsePlatform } from '../../oci/index.ts';
import { makeSiteCard, type SiteCardOptions, type WholeIdentity } from '../../site/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { rootRoles, type SiteTrust } from '../../trust/index.ts';
import { storedPart, storedProduct } from '../judge/stored-catalogue.ts';
import { findInstalled } from '../kept/installed.ts';
import type { SiteLicense } from '../license/look.ts';
import type { SiteTLS } from '../tls/look.ts';

export interface SignCardOptions {
  readonly state: SiteStateReader;
  readonly identity: WholeIdentity;
  /** As it is stored; none on a site that trusts nobody yet. */
  readonly trust: SiteTrust | undefined;
  /** None when no engine answers. */
  readonly engine: Engine | undefined;
  /** IDs of images that the engine was just seen to have; it is not asked for them again. @default none */
  readonly seen?: ReadonlySet<string> | undefined;
  /** Looks at the licence that is installed. */
  readonly license: () => Promise<Pick<SiteLicense, 'validUntil'> | undefined>;
  /** Looks at the certificate that is installed, and at the requests that wait. */
  readonly tls: () => Promise<SiteTLS | undefined>;
  /** The site's: a card is never older than what the site knows of the time. */
  readonly clock: Date;
}

/** The card as it is now, and what is not in it. */
export async function signCard(
  options: SignCardOptions,
): Promise<{ readonly card: Buffer; readonly product?: string; readonly warnings: readonly string[] }> {
  const { state, identity, trust, engine, seen = new Set(), clock } = options;
  const warnings: string[] = [];
  const told = <T>(what: string, read: () => Promise<T>) => readOrTell(read, (why) => warnings.push(`${what}: ${why}`));
  const current = await state.findCurrentRelease();
  const release = current && parseReleaseDocument(current.document);
  const product = release?.product ?? (trust && productOf(trust));
  const sequence = (await state.findCurrentSequence()) ?? 0;
  const isAsked = release !== undefined && engine !== undefined;
  const holds = isAsked
    ? await told('the card says nothing of the images here', () => heldImages(state, { release, engine, seen }))
    : [];
  const { validUntil } = (await told('the card says nothing of the licence', options.license)) ?? {};
  const tls = await told('the card says nothing of the certificate', options.tls);
  const card = makeSiteCard({
    ...{ identity, product, holds: holds ?? [], engine: engine?.facts, now: clock },
    license: validUntil && { validUntil },
    certificate: tls && certificateOf(tls),
    csr: tls?.waiting?.[0]?.csr,
    trust: trust && { ...versionsOf(trust), sequence },
  });
  return { card, ...(product !== undefined && { product }), warnings };
}

/** Of the installed release's images, those that the engine has: what a delta could start from. */
async function heldImages(
  state: SiteStateReader,
  { release, engine, seen }: { release: ReleaseDocument; engine: Engine; seen: ReadonlySet<string> },
): Promise<readonly HeldImage[]> {
  const held: HeldImage[] = [];
  const tags = (await findInstalled(state, release.sequence))?.tags ?? [];
  for (const { name, platforms } of release.images) {
    const image = platforms.find(({ platform }) => isPlatformMatch(engine.facts.platform, parsePlatform(platform)));
    const imageID = tags.find((tag) => tag.name === name)?.imageID ?? undefined;
    if (image === undefined || imageID === undefined) continue;
    if (!seen.has(imageID) && !(await engine.hasImage(imageID))) continue;
    held.push({ name, imageID, config: image.config, diffIDs: image.layers.map(({ diffID }) => diffID) });
  }
  return held;
}

function certificateOf({ notAfter, names, spki }: SiteTLS): SiteCardOptions['certificate'] {
  return notAfter && names && spki !== undefined ? { notAfter, names, spki } : undefined;
}

async function readOrTell<T>(read: () => Promise<T>, tell: (why: string) => void): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    tell(error.message);
    return undefined;
  }
}

function versionsOf({ root, chain }: SiteTrust): { readonly root: number; readonly catalogue: number } {
  return {
    root: rootRoles(root).version,
    catalogue: chain === undefined ? 0 : storedPart(chain.timestamp).version,
  };
}

/** The product whose catalogue this site follows, where one is listed. */
function productOf({ chain }: SiteTrust): string | undefined {
  return chain && storedProduct(chain.targets);
}
