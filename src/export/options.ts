/** What an export is asked for, and what it answers (DESIGN, "Command line"). */
import type { Progress } from '../content/index.ts';
import type { AskPassphrase, Workspace } from '../workspace/index.ts';

export interface ExportOptions {
  /** An open workspace, or its folder. */
  readonly workspace: string | Workspace;
  /** The release manifest. */
  readonly manifestPath: string;
  /** The folder for the bundle; made when only its last part is missing. */
  readonly outDir: string;
  /** Instead of the manifest's. */
  readonly platforms?: readonly string[] | undefined;
  /** Cards of sites: each gets an overlay, with its licence and its certificate. @default none */
  readonly sites?: readonly string[] | undefined;
  /** A fleet.yaml: more sites, and where their licences and certificates come from. */
  readonly fleetPath?: string | undefined;
  /** Registry host to `host[:port][/prefix]`. */
  readonly mirrors?: ReadonlyMap<string, string> | undefined;
  readonly plainHTTP?: ReadonlySet<string> | undefined;
  readonly caPEM?: string | undefined;
  readonly clientCert?: { readonly certPEM: string; readonly keyPEM: string } | undefined;
  /** Forget what an interrupted run resolved and fetched. @default false */
  readonly fresh?: boolean | undefined;
  /** Take other releases of this name off the list. @default false */
  readonly revokeFormer?: boolean | undefined;
  /** Not yet. */
  readonly ifChanged?: boolean | undefined;
  readonly passphrase?: AskPassphrase | undefined;
  readonly signerCommand?: string | undefined;
  /** The version of the executables that the manifest's `ferry` names, where it gives none. */
  readonly ferryVersion?: string | undefined;
  /** Blobs under way at once. @default 6 */
  readonly concurrency?: number | undefined;
  /** For registries, the licence's server and token, the passphrases of keys, and the signer command. @default {} */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** @default silentProgress */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The office's clock, or `SOURCE_DATE_EPOCH`. */
  readonly now: Date;
  /** The office's clock in any case: by it licences end. @default now */
  readonly clock?: Date | undefined;
}

/** An image of the bundle. */
export interface ExportedImage {
  readonly name: string;
  /** Of its index, or of its manifest where it has none. */
  readonly digest: string;
  readonly platforms: readonly string[];
  /** Bytes of all that is carried of it; what two images share counts for both. */
  readonly size: number;
}

/** What a licence says of itself, as far as it can be read. */
export interface ShownLicense {
  /** For whom it is. */
  readonly subject?: string;
  readonly validUntil?: Date;
}

/** What a certificate says. */
export interface ShownCertificate {
  readonly names: readonly string[];
  readonly issuer: string;
  readonly notAfter: Date;
  /** SHA-256 of its public key, 64 hex digits. */
  readonly spki: string;
  /** With its key; otherwise it is for one that the site has. */
  readonly sealed: boolean;
}

/** What the files of a site say. */
export interface ShownSite extends ShownLicense {
  readonly certificate?: ShownCertificate;
}

/** The overlay of a site, with its licence and its certificate. */
export interface ExportedSite extends ShownSite {
  /** The siteID, or `any`. */
  readonly site: string;
  readonly name: string;
  /** Path of the tar. */
  readonly overlay: string;
  readonly action: 'written' | 'unchanged';
}

/** What an export of site files alone made. */
export interface SiteFilesResult {
  readonly overlays: readonly string[];
  readonly sites: readonly ExportedSite[];
  /** The timestamp's version. */
  readonly catalogue: number;
  readonly importableUntil: Date;
  /** `unchanged`: the same overlays were there, whole. */
  readonly action: 'written' | 'unchanged';
  readonly warnings: readonly string[];
}

/** What an export made. */
export interface ExportResult {
  /** Path of the tar. */
  readonly bundle: string;
  /** Paths of the overlays, one for each site. */
  readonly overlays: readonly string[];
  readonly sites: readonly ExportedSite[];
  /** The licence in the bundle, where no site was named. */
  readonly license?: ShownLicense;
  /** The chain in the bundle, where no site was named. */
  readonly certificate?: ShownCertificate;
  /** As people see it: `2.1.0`, or `2.1.0+7` where another sequence has the same name. */
  readonly release: string;
  readonly sequence: number;
  readonly importableUntil: Date;
  readonly images: readonly ExportedImage[];
  /** Size of the tar. */
  readonly bytes: number;
  /** Bytes that came from registries in this run. */
  readonly downloaded: number;
  /** `unchanged`: the same bundle and overlays were there, whole. */
  readonly action: 'written' | 'unchanged';
  /** For people: lines without a full stop. */
  readonly warnings: readonly string[];
}
