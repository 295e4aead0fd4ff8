/** A site with releases to install: what every part of the torture works on. */
import { carryReleases, type Releases } from './releases.ts';
import { startSite, type TortureSite } from './site.ts';

/** A site, and what is on its medium. */
export interface Lane {
  readonly site: TortureSite;
  readonly releases: Releases;
}

/** Starts one; whoever starts it stops its site. @param size of the ballast in each image */
export async function startLane(size = 0): Promise<Lane> {
  let releases: Releases | undefined;
  const site = await startSite(async (lab) => {
    releases = await carryReleases(lab, size);
  });
  return { site, releases: releases as Releases };
}

/** Works on one, and stops it however that ends. */
export async function withLane<T>(work: (lane: Lane) => Promise<T>, { size = 0 } = {}): Promise<T> {
  const lane = await startLane(size);
  try {
    return await work(lane);
  } finally {
    await lane.site.stop();
  }
}
