/**
 * The words between a row of requirements and the check that is made of it: what is checked, with what, and what came
 * of it. Data only; the checks are in checks/, one file a kind.
 */
import type { Environment } from '../http/index.ts';

/** What is asked of a destination; each kind goes as far as a client of that protocol would. */
export type CheckKind = 'dns' | 'tcp' | 'tls' | 'https' | 'registry' | 'blobs' | 'acme' | 'smtp' | 'oidc' | 'websocket';

/** All kinds, for schemas and tables. */
export const CHECK_KINDS: readonly CheckKind[] = [
  ...(['dns', 'tcp', 'tls', 'https', 'registry', 'blobs', 'acme', 'smtp', 'oidc', 'websocket'] as const),
];

/** One destination. */
export interface CheckTarget {
  readonly kind: CheckKind;
  /** A name or an IP, without port and without brackets. */
  readonly host: string;
  readonly port: number;
  /** The whole address for what has one: https, acme, oidc, websocket. @default `https://host:port/`; wss for websocket */
  readonly url?: string;
  /** References of a release's images, for registry and blobs; the first on this host is asked for. @default none */
  readonly images?: readonly string[];
}

/** With what a check is made. */
export interface CheckContext {
  /** HTTPS_PROXY, HTTP_PROXY, NO_PROXY, and the credentials of registries as the registry room reads them. */
  readonly env: Environment;
  /** More authorities, PEM; a file that is none makes every check with TLS fail at that stage. */
  readonly caPEM?: string;
  /** Milliseconds for the whole check. */
  readonly timeoutMs: number;
  /** Ends the check; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** By which certificates are judged for what is said of them. */
  readonly now: Date;
}

/** How far a check came: the last stage for one that is fine. */
export type CheckStage = 'dns' | 'proxy' | 'tcp' | 'tls' | 'http' | 'protocol';

/** What came of a check. */
export interface CheckOutcome {
  readonly ok: boolean;
  readonly stage: CheckStage;
  /** One line: what answered, or what was expected and what was got. No secrets, no queries, no bodies of answers. */
  readonly detail: string;
  /** What usually causes it. */
  readonly hint?: string;
  /** The things the line names, for `--json`. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Milliseconds, whole. */
  readonly ms: number;
}
