/** What can be wrong with a bundle as a whole: its structure, a part of it, or what one was to be made of. */
import { FerryError, type FerryErrorOptions } from '../errors.ts';

/**
 * - `BUNDLE_NOT_FOUND`: there is no such file.
 * - `NOT_A_BUNDLE`: a file, but nothing that ferry wrote.
 * - `BUNDLE_CUT_OFF`: it ends too early.
 * - `DAMAGED`: structure, digest or size wrong, a part missing, swapped or surplus.
 * - `PLAN_INVALID`: what was to be packed breaks a rule of the format, as two images of one name.
 * - `SOURCE_SIZE`: a blob came with another length than its descriptor says.
 */
export type BundleCode =
  | 'BUNDLE_NOT_FOUND'
  | 'NOT_A_BUNDLE'
  | 'BUNDLE_CUT_OFF'
  | 'DAMAGED'
  | 'PLAN_INVALID'
  | 'SOURCE_SIZE';

/** One thing that is wrong in a bundle, with all that is known of where. */
export interface Damage {
  /** The entry's name, as `tar -t` prints it. */
  readonly entry?: string;
  /** The image, `registry/repository:tag`. */
  readonly image?: string;
  /** What it is of the image: `layer 2 of 5`, `config` … */
  readonly part?: string;
  /** Byte offset in the file: of the damage where that is known, else of the entry's body. */
  readonly offset?: number;
  /** How many bytes from there on are in doubt. */
  readonly length?: number;
  /** Expected first, got second, in words. */
  readonly why: string;
}

export interface BundleErrorOptions extends FerryErrorOptions<BundleCode> {
  readonly damages?: readonly Damage[];
}

/** A bundle that can't be used, or can't be made. */
export class BundleError extends FerryError<BundleCode> {
  /** All that was found wrong, in the order of the file; empty where the code is not about damage. */
  readonly damages: readonly Damage[];

  constructor(message: string, { damages = [], ...options }: BundleErrorOptions) {
    super(message, damages.length === 0 ? options : { ...options, facts: { ...options.facts, damages } });
    this.damages = damages;
  }
}

/** One error for all damages: its line names the first and counts the others. */
export function damaged(
  doing: string,
  damages: readonly Damage[],
  options: Partial<BundleErrorOptions> = {},
): BundleError {
  const [first, ...others] = damages;
  if (first === undefined) throw new RangeError('expected at least one damage');
  const more = others.length === 0 ? '' : `; and ${others.length} more bad ${others.length === 1 ? 'part' : 'parts'}`;
  return new BundleError(`${doing}: ${formatDamage(first)}${more}`, { code: 'DAMAGED', ...options, damages });
}

/** `entry: layer 2 of 5 of image: offset N: why`, as much of it as is known. */
export function formatDamage({ entry, image, part, offset, length, why }: Damage): string {
  const of = part === undefined ? image : image === undefined ? part : `${part} of ${image}`;
  const at =
    offset === undefined ? undefined : `offset ${offset}${length === undefined ? '' : ` to ${offset + length}`}`;
  return [entry, of, at, why].filter((piece) => piece !== undefined).join(': ');
}
