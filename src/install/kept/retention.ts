/**
 * How many releases stay: the installed one, the one before it, and so on back. An older one lets go of its pins, and of
 * the names and images that an import brought and no other release and no container uses; then its folder goes. What
 * was here before the first import is never removed from the engine.
 */

import type { Engine } from '../../docker/index.ts';
import { findSiteIdentity } from '../../site/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { openReceipt } from '../records/signed-receipt.ts';
import { engineFor, type Site } from '../steps/step.ts';
import { findInstalled, type Installed, type InstalledTag } from './installed.ts';
import { releaseLabel } from './pins.ts';

/** The installed release and the one before it. */
export const DEFAULT_KEEP = 2;

/** Lets go of all releases but the newest `keep`. What is interrupted here is done by the next one. */
export async function dropReleases(site: Site, { keep }: { readonly keep: number }): Promise<void> {
  const kept = await keptSequences(site.state, keep);
  for (const sequence of await storedSequences(site.state)) {
    if (!kept.includes(sequence)) await drop(site, sequence, kept);
  }
}

/** The sequences that stay: back from the installed one by what its receipt calls previous, then the highest others. */
async function keptSequences(state: SiteStateReader, keep: number): Promise<readonly number[]> {
  const stored = await storedSequences(state);
  const line: number[] = [];
  for (let at = await state.findCurrentSequence(); at !== undefined && !line.includes(at); ) {
    if (!stored.includes(at)) break;
    line.push(at);
    at = await findPrevious(state, at);
  }
  const others = stored.filter((sequence) => !line.includes(sequence)).toReversed();
  return [...line, ...others].slice(0, keep);
}

/** What was installed before a release, as its receipt says; `undefined` where it says nothing. */
export async function findPrevious(state: SiteStateReader, sequence: number): Promise<number | undefined> {
  const identity = await findSiteIdentity(state);
  const receipt = await state.findReleaseFile(sequence, 'receipt.json');
  return identity && receipt && openReceipt(receipt, identity).previous;
}

/** What each of the releases is that are kept, 0 included. */
export async function keptInstalled(state: SiteStateReader): Promise<readonly Installed[]> {
  const all = await Promise.all((await storedSequences(state)).map((sequence) => findInstalled(state, sequence)));
  return all.filter((one) => one !== undefined);
}

async function storedSequences(state: SiteStateReader): Promise<readonly number[]> {
  const first = (await findInstalled(state, 0)) === undefined ? [] : [0];
  return [...first, ...(await state.listReleases())];
}

async function drop(site: Site, sequence: number, kept: readonly number[]): Promise<void> {
  const others = await Promise.all(kept.map((one) => findInstalled(site.state, one)));
  const used = others.flatMap((one) => one?.tags ?? []);
  if (site.engine !== undefined) await dropImages(site, { sequence, used });
  await site.state.dropRelease(sequence);
}

async function dropImages(
  site: Site,
  { sequence, used }: { readonly sequence: number; readonly used: readonly InstalledTag[] },
): Promise<void> {
  const engine = engineFor(site);
  const label = releaseLabel(site.identity.site, sequence);
  for (const { handle } of await engine.findPins(label)) await engine.unpin(handle);
  const running = new Set((await engine.containers()).map(({ imageID }) => imageID));
  const installed = await findInstalled(site.state, sequence);
  for (const tag of installed?.tags ?? []) {
    const isUsed = used.some(({ imageID }) => imageID === tag.imageID) || running.has(tag.imageID ?? undefined);
    if (tag.isLoaded && !isUsed) await dropTag(engine, tag, used);
  }
}

async function dropTag(engine: Engine, { name, imageID }: InstalledTag, used: readonly InstalledTag[]): Promise<void> {
  if (imageID === null) return;
  const isNameKept = used.some((other) => other.name === name);
  if (!isNameKept && (await engine.findTag(name)) === imageID) await engine.untag(name);
  await engine.removeImage(imageID);
}
