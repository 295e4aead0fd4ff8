/** What this host knows of itself before anything is asked: the installed release, the operator's addresses, the time that was proven. */

import { FerryError } from '../../errors.ts';
import { parseReleaseDocument, type ReleaseDocument, type SitePolicy } from '../../manifest/index.ts';
import { findState } from '../../state/index.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { findPolicy } from '../policy.ts';

/** As far as it could be read; a host that ferry never saw knows nothing. */
export interface KnownSite {
  readonly release?: ReleaseDocument;
  /** Bytes that the images of a release like it take in an engine, by estimate. */
  readonly imageBytes?: number;
  readonly policy?: SitePolicy;
  /** The highest time that was ever proven here: of a catalogue. */
  readonly provenTime?: Date;
  /** Parts that could not be read, a line each. */
  readonly warnings: readonly string[];
}

/** What layers grow by, roughly, when an engine unpacks them; a plan of an import knows better. */
const UNPACKED = 3;

/** Reads the state, as far as this user may. Needs no pinned root and changes nothing. */
export async function findKnownSite(stateDir: string): Promise<KnownSite> {
  const warnings: string[] = [];
  const read = async <T>(what: string, reading: () => Promise<T | undefined>): Promise<T | undefined> => {
    try {
      return await reading();
    } catch (error) {
      if (!(error instanceof FerryError)) throw error;
      warnings.push(`${what} is not known: ${error.message}`);
      return undefined;
    }
  };
  const state = await read('what is installed here', () => findState(stateDir));
  if (state === undefined) return { warnings };
  const current = await read('the installed release', async () => {
    const stored = await state.findCurrentRelease();
    return stored && parseReleaseDocument(stored.document);
  });
  const policy = await read('what site.yaml says', () => findPolicy(state));
  const trust = await read('the time that was proven here', () => findSiteTrust(state));
  return {
    ...(current && { release: current, imageBytes: bytesOf(current) }),
    ...(policy && { policy }),
    ...(trust?.clock !== undefined && { provenTime: new Date(trust.clock) }),
    warnings,
  };
}

function bytesOf({ images }: ReleaseDocument): number {
  const layers = images.flatMap(({ platforms }) => platforms.flatMap((platform) => platform.layers));
  const sizes = new Map(layers.map(({ digest, size }) => [digest, size]));
  return UNPACKED * [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
