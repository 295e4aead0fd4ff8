/**
 * What stands in the way of an import, all of it at once and before anything is changed. Each check that does not need
 * the answer of another is made, whatever the others found; one that does is left out when that failed. Damage of the
 * medium is told first and alone: of what is damaged nothing else can be said. FORMAT §8 has the order.
 */

import { BundleError } from '../../bundle/index.ts';
import { DockerError } from '../../docker/index.ts';
import { FerryError } from '../../errors.ts';
import { LayoutError } from '../../layout/index.ts';
import { InstallError } from '../error.ts';

/** Collects what checks find. */
export class Findings {
  readonly #errors: FerryError[];

  constructor(found: readonly FerryError[] = []) {
    this.#errors = [...found];
  }

  /** Keeps what a check threw. @throws what is damage or no finding but a mistake of ours */
  add(...errors: readonly unknown[]): void {
    for (const error of errors) {
      if (!(error instanceof FerryError) || isDamage(error)) throw error;
      if (error.errors.length > 0) {
        this.add(...error.errors);
        continue;
      }
      // one folder may be in the way of many files
      if (!this.#errors.some(({ code, message }) => code === error.code && message === error.message)) {
        this.#errors.push(error);
      }
    }
  }

  /** The answer of a check, or `undefined` when it found something; others go on. */
  async check<T>(look: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      this.add(error);
      return undefined;
    }
  }

  /** The answer of a check that all others need: when it finds something, all findings are told now. */
  async need<T>(look: () => T | Promise<T>): Promise<T> {
    try {
      return await look();
    } catch (error) {
      this.add(error);
      throw summedUp(this.#errors);
    }
  }

  /** @throws {FerryError} the one finding as it is; {InstallError} `PREFLIGHT_FAILED` with several in `errors` */
  throwAny(): void {
    if (this.#errors.length > 0) throw summedUp(this.#errors);
  }
}

/** One is told as it is; several are one error that has them, the worst first. */
function summedUp(found: readonly FerryError[]): FerryError {
  const errors = found.toSorted((a, b) => rankOf(a) - rankOf(b));
  const [first, ...others] = errors;
  if (first === undefined) throw new TypeError('expected a finding');
  if (others.length === 0) return first;
  const codes = errors.map(({ code }) => code);
  return new InstallError(`look before the import: expected nothing in the way, got ${codes.join(', ')}`, {
    code: 'PREFLIGHT_FAILED',
    cause: first,
    errors,
    facts: { codes },
  });
}

function isDamage(error: FerryError): boolean {
  const isOfTheMedium = error instanceof BundleError || error instanceof LayoutError;
  return isOfTheMedium && error.code !== 'BUNDLE_NOT_FOUND';
}

/** By code: what does not fit here, what a signed document may not ask for, what a person decides, what is not here. */
const ORDER: readonly (readonly string[])[] = [
  ['WRONG_PRODUCT', 'DOWNGRADE', 'UPGRADE_FROM'],
  ['DESTINATION_FORBIDDEN', 'DESTINATION_UNSAFE', 'FOLDER_OWNED'],
  ['LOCAL_EDIT'],
  ['LICENSE_EMPTY', 'LICENSE_TOO_LARGE', 'LICENSE_IS_HTML', 'LICENSE_KEY_INVALID'],
  ['LICENSE_SIGNATURE', 'LICENSE_OTHER_PRODUCT', 'LICENSE_ENDED', 'LICENSE_NOT_YET', 'LICENSE_SHORTER'],
  ['TLS_UNREADABLE', 'TLS_NO_CERTIFICATE', 'TLS_PASSPHRASE', 'TLS_NO_KEY', 'TLS_KEY_MISMATCH', 'TLS_IS_CA'],
  ['TLS_CHAIN_ORDER', 'TLS_CHAIN_INCOMPLETE', 'TLS_ROOT_UNKNOWN', 'TLS_NOT_FOR_SERVERS', 'TLS_KEY_WEAK'],
  ['TLS_SIGNATURE_WEAK', 'TLS_EXPIRED', 'TLS_NOT_YET_VALID', 'TLS_NAME_MISSING', 'TLS_NAME_DROPPED', 'TLS_SHORTER'],
  ['TLS_REHEARSAL'],
  ['FORMAT_TOO_NEW', 'WRONG_ARCHITECTURE', 'FERRY_NOT_EXECUTABLE', 'SPACE_SHORT'],
  ['MEDIUM_ABSENT', 'BUNDLE_NOT_FOUND', 'NO_BUNDLE_HERE'],
];
const NOT_HERE = ORDER.findIndex((codes) => codes.includes('SPACE_SHORT'));

/** What trust refuses comes first; an engine that does not answer is one more thing that is not here. */
function rankOf(error: FerryError): number {
  const rank = ORDER.findIndex((codes) => codes.includes(error.code));
  if (rank >= 0) return rank;
  return error instanceof DockerError ? NOT_HERE : -1;
}
