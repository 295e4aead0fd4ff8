/** What an import does about ferry itself, as the journal holds it: both of its steps go by this. */

import type { Digest } from '../../oci/index.ts';
import { FERRY, LINK_FOLDER, linkTarget, UNIT, UNIT_FOLDER, versionFolder } from './places.ts';
import type { Swap } from './swap.ts';

export interface FerryChange {
  readonly version: string;
  /** Of the bundle. */
  readonly entry: string;
  readonly digest: Digest;
  readonly size: number;
  /** Folders that are not there yet, outermost first. */
  readonly made: readonly string[];
  /** Whether its place is empty, has other bytes, which are replaced when all is in, or has these very bytes. */
  readonly executable: 'absent' | 'other' | 'same';
  /** Inodes of what stands there; `null`: nothing. */
  readonly stood: { readonly executable: string | null; readonly link: string | null; readonly unit: string | null };
  /** Whether the link is to lead elsewhere than it does. */
  readonly isLinkNew: boolean;
  /** Lines of the boot unit that is to be written; `null`: as it is. */
  readonly unit: readonly string[] | null;
  /** The version that was linked, `null` for none of ours. */
  readonly before: string | null;
}

/** The names that change: of the executable, the link and the unit, as far as they do. */
export interface FerrySwaps {
  readonly executable?: Swap;
  readonly link?: Swap;
  readonly unit?: Swap;
}

/** What is given to others by renames. Pure. */
export function swapsOf({ version, executable, stood, isLinkNew, unit }: FerryChange): FerrySwaps {
  const folder = versionFolder(version);
  return {
    ...(executable !== 'same' && { executable: { folder, name: FERRY, was: stood.executable } }),
    ...(isLinkNew && { link: { folder: LINK_FOLDER, name: FERRY, was: stood.link } }),
    ...(unit !== null && { unit: { folder: UNIT_FOLDER, name: UNIT, was: stood.unit } }),
  };
}

/** Where the link is to lead. */
export function targetOf({ version }: Pick<FerryChange, 'version'>): string {
  return linkTarget(version);
}
