/**
 * The line that an import which is done leaves in the audit log, once: where there is a transaction, before its journal
 * goes, so that no release is installed of which the log says nothing. A log that cannot be written undoes nothing.
 */

import { FerryError } from '../../errors.ts';
import type { SiteState } from '../../state/index.ts';
import type { FerryOutcome } from '../executable/plan.ts';
import type { ReceiptCertificate } from './receipt.ts';

/** What an import did, of its result. */
export interface ImportLine {
  readonly kind: 'release' | 'overlay' | 'catalogue';
  readonly action: 'installed' | 'present' | 'planned';
  readonly release?: string;
  readonly sequence?: number;
  /** What became of ferry itself. */
  readonly ferry?: Pick<FerryOutcome, 'version' | 'action'> | undefined;
  /** The certificate that it has put into use. */
  readonly certificate?: Pick<ReceiptCertificate, 'fingerprint' | 'notAfter'> | undefined;
}

/** What was imported, by the names of the files. */
export interface ImportLogOptions {
  readonly bundle: string;
  /** Beside it in its folder. */
  readonly overlay?: string | undefined;
  readonly catalogue?: string | undefined;
  readonly now: Date;
}

/** The log of one import. */
export class ImportLog {
  readonly #state: SiteState | undefined;
  readonly #about: ImportLogOptions;
  #isTold = false;

  /** @param state none in a dry run, which leaves no line */
  constructor(state: SiteState | undefined, about: ImportLogOptions) {
    this.#state = state;
    this.#about = about;
  }

  /** Writes the line, the first time. Answers what a person should know: that it could not be written. */
  async tell({ kind, action, release, sequence, ferry, certificate }: ImportLine): Promise<readonly string[]> {
    if (this.#isTold) return [];
    this.#isTold = true;
    const { now, bundle, overlay, catalogue } = this.#about;
    const what = {
      bundle,
      ...(overlay !== undefined && { overlay }),
      ...(catalogue !== undefined && { catalogue }),
      ...(release !== undefined && { release }),
      ...(sequence !== undefined && { sequence }),
      ...(ferry?.action === 'installed' && { ferry: ferry.version }),
      ...(certificate && { certificate: certificate.fingerprint, certificateUntil: certificate.notAfter }),
    };
    return lineOrWarning(async () => {
      await this.#state?.appendAudit({ event: 'import', at: now, facts: { kind, result: action, ...what } });
    });
  }
}

/** Writes to the log; when that fails, the outcome stands all the same. */
export async function lineOrWarning(write: () => Promise<void>): Promise<readonly string[]> {
  try {
    await write();
    return [];
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    return [`no line in the log of this site: ${error.message}`];
  }
}
