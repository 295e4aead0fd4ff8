/** What a site believes between two runs, as the room state keeps it under `trust/`. FORMAT §2 "On the site", §7. */

/** The three roles above which a release hangs, as carried: always of one chain, never a mix. */
export interface CatalogueFiles {
  readonly timestamp: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly targets: Uint8Array;
}

/** Numbers below which nothing is taken; those of the catalogue are read from the stored chain itself. */
export interface Floors {
  /** The highest sequence ever installed and found good. Raised by the install, after its health check. */
  readonly release?: number;
}

/** A site's view: a value, never changed in place. */
export interface SiteTrust {
  /** The pinned root, or the newest successor that was proven. */
  readonly root: Uint8Array;
  /** Whether a person compared the first root with its fingerprint; false after `trust --yes`. */
  readonly confirmed: boolean;
  /** The newest proven catalogue. None before the first import, nor right after its keys were replaced. */
  readonly chain?: CatalogueFiles;
  /** The highest `issued` that was ever proven, ISO 8601: time is never earlier than this. */
  readonly clock?: string;
  readonly floors: Floors;
}

/** The view after an install was found good: nothing below `sequence` comes in without `--allow-downgrade` again. */
export function raiseReleaseFloor(site: SiteTrust, sequence: number): SiteTrust {
  return { ...site, floors: { ...site.floors, release: Math.max(sequence, site.floors.release ?? 0) } };
}
