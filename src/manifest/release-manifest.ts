/** A release manifest as it is used: read, with every path and name checked against FORMAT (DESIGN, "Release manifest"). */
import type { Platform, Reference } from '../oci/index.ts';
import type { Requirement } from './requirement.ts';
import type { ManifestSource, Reload } from './schema.ts';

/** A file that travels with the release. */
export interface ManifestFile {
  readonly name: string;
  /** As written: relative to the manifest. */
  readonly from: string;
  readonly install?: string;
  /** Four octal digits. */
  readonly mode: string;
}

/** The licence. Exactly one of `from` and `url`. */
export interface ManifestLicense {
  readonly name: string;
  readonly from?: string;
  readonly url?: string;
  readonly tokenEnv?: string;
  readonly install: string;
  readonly mode: string;
  readonly graceDays?: number;
  readonly publicKey?: string;
}

/** Where a certificate comes from: paths, relative to the file that names them. */
export interface CertificateSource {
  /** The certificate, the leaf first, then its intermediates: PEM, or PKCS#12 with its key. */
  readonly chain: string;
  /** Where the site has not made the key itself. */
  readonly key?: string;
  /** The root that it ends at, where a system does not have it. */
  readonly ca?: string;
  /** The environment variable that holds the passphrase of the key. */
  readonly keyPassphraseEnv?: string;
}

/** Where certificates go, for which names, and how a service learns of them; with `chain`, where one comes from. */
export interface ManifestTLS extends Partial<CertificateSource> {
  readonly dir: string;
  readonly names: readonly string[];
  readonly reload?: Reload;
}

/** An executable of ferry that travels with the release. */
export interface ManifestFerry {
  readonly name: string;
  readonly from: string;
  readonly platform: Platform;
  readonly version?: string;
}

/** An image as the manifest names it; `name` is the one it has in the bundle. */
export interface ManifestImage {
  readonly reference: Reference;
  readonly name: string;
}

/** What a release carries. Every path and name has been checked against FORMAT. */
export interface ReleaseManifest {
  readonly product: string;
  /** May hold `{date}`: then `dated` is true. */
  readonly release: string;
  readonly dated: boolean;
  readonly platforms: readonly Platform[];
  readonly images: readonly ManifestImage[];
  readonly files: readonly ManifestFile[];
  readonly ferry: readonly ManifestFerry[];
  readonly license?: ManifestLicense;
  readonly tls?: ManifestTLS;
  readonly compose?: NonNullable<ManifestSource['compose']>;
  readonly upgradeFrom?: string;
  readonly dataRollback?: 'safe' | 'restore' | 'none';
  readonly requirements?: readonly Requirement[];
  readonly changes?: readonly string[];
}
