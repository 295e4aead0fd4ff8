/** Puts back the pins of releases that are kept, which a prune of containers has taken. DESIGN "The engine". */

import type { Engine } from '../../docker/index.ts';
import { findSiteIdentity } from '../../site/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { findInstalled } from './installed.ts';
import { missingPins, putPins, releaseLabel, type WantedPin } from './pins.ts';

/** Answers how many were put. An image that is gone is passed over: `status` tells of it. */
export async function repin(state: SiteStateReader, engine: Engine): Promise<number> {
  const wanted = missingPins(await wantedPins(state), await engine.findPins());
  const there = new Set<string>((await engine.inventory()).images.map(({ id }) => id));
  const missing = wanted.filter(({ imageID }) => there.has(imageID));
  await putPins(engine, missing);
  return missing.length;
}

async function wantedPins(state: SiteStateReader): Promise<readonly WantedPin[]> {
  const site = (await findSiteIdentity(state))?.site;
  if (site === undefined) return [];
  const pins = new Map<string, WantedPin>();
  for (const sequence of [0, ...(await state.listReleases())]) {
    for (const { imageID } of (await findInstalled(state, sequence))?.tags ?? []) {
      if (imageID === null) continue;
      const label = releaseLabel(site, sequence);
      pins.set(`${label} ${imageID}`, { imageID, label });
    }
  }
  return [...pins.values()];
}
