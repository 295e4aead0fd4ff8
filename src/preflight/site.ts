/** What is known of the site that a preflight runs on, as plain data: whoever asks for the rows has it from elsewhere. */
import type { Engine } from '../docker/index.ts';

/** The installed certificate. */
export interface SiteCertificate {
  readonly path: string;
  readonly names?: readonly string[] | undefined;
  /** SHA-256 of its DER, hex. */
  readonly fingerprint?: string | undefined;
  readonly notAfter?: Date | undefined;
  readonly daysLeft?: number | undefined;
  readonly level?: 'ok' | 'soon' | 'urgent' | 'critical' | 'ended' | 'not-yet' | undefined;
  readonly keyMatches?: boolean | undefined;
  readonly problem?: string | undefined;
}

/** The installed licence. */
export interface SiteLicenseFacts {
  readonly path: string;
  readonly mode: 'valid' | 'grace' | 'read-only' | 'unknown';
  readonly daysLeft?: number | undefined;
  readonly validUntil?: Date | undefined;
  readonly readOnlyFrom?: Date | undefined;
  readonly problem?: string | undefined;
}

/** All of it; a host that ferry never saw knows nothing. */
export interface SiteFacts {
  /** Whether a release is installed here. */
  readonly isInstalled: boolean;
  /** The name of the product's compose project. */
  readonly project?: string | undefined;
  /** Bytes that its images take. */
  readonly imageBytes?: number | undefined;
  readonly certificate?: SiteCertificate | undefined;
  readonly license?: SiteLicenseFacts | undefined;
  /** Whether its release installs a licence; of a host without a release nobody knows. */
  readonly wantsLicense?: boolean | undefined;
  /** The highest time that was ever proven here. */
  readonly provenTime?: Date | undefined;
  /** Of the commit that this ferry was built from. */
  readonly buildTime?: Date | undefined;
  /** Where ferry keeps its state: room is wanted there too. */
  readonly stateDir: string;
  readonly connect: () => Promise<Engine>;
}

/** What came of looking at something on this host. */
export interface Looked {
  /** null: it was not looked at, and the result says why. */
  readonly ok: boolean | null;
  readonly result: string;
  readonly remedy?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}
