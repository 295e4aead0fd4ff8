/** What an import is told and what it tells: the shapes that the command line prints. DESIGN "Command line". */

import type { Progress } from '../../content/index.ts';
import type { Engine, EngineFacts } from '../../docker/index.ts';
import type { License } from '../../license/index.ts';
import type { SiteCard } from '../../manifest/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { SystemLog } from '../../state/index.ts';
import type { InstallError } from '../error.ts';
import type { FerryOutcome } from '../executable/plan.ts';
import type { RunningFerry } from '../executable/running.ts';
import type { ConfirmOptions } from '../judge/first-root.ts';
import type { MediumCopy } from '../records/beside-bundle.ts';
import type { ReceiptImage } from '../records/receipt.ts';
import type { SignedReceipt } from '../records/signed-receipt.ts';
import type { PendingTransaction } from '../status/journal.ts';
import type { ServingOptions } from '../tls/serving-options.ts';
import type { Recovered } from '../transaction/recover.ts';
import type { SpacePlace } from './space.ts';

export interface ImportOptions extends ConfirmOptions, ServingOptions {
  /** A tar; or a folder with one release, of which the overlay and the catalogue for this site are taken too. */
  readonly path: string;
  readonly stateDir: string;
  /** The engine, or how to connect to it; one that is made here is closed here. */
  readonly engine: Engine | (() => Promise<Engine>);
  /** Stands before every installed path. @default '/' */
  readonly prefix?: string | undefined;
  /** Looks and plans, and changes nothing. @default false */
  readonly dryRun?: boolean | undefined;
  /** Takes a release below the highest that was installed; wants a reason. @default false */
  readonly allowDowngrade?: boolean | undefined;
  /** Takes a licence or a certificate that ends sooner than the installed one, which is valid; wants a reason. @default false */
  readonly allowShorter?: boolean | undefined;
  /** Takes a certificate that is not for all names of the installed one; wants a reason. @default false */
  readonly allowFewerNames?: boolean | undefined;
  /** Files, by name or path, that stay as they are here though nobody installed them so; wants a reason. */
  readonly keepLocal?: readonly string[] | undefined;
  /** Files, by name or path, that are replaced though somebody changed them here; wants a reason. */
  readonly replace?: readonly string[] | undefined;
  /** Runs the release that is imported, and takes it back when it does not come up, as far as it allows. @default false */
  readonly activate?: boolean | undefined;
  /** How long, in ms, a container that says nothing of its health must run to count as up. @default 5000 */
  readonly settleMs?: number | undefined;
  /** Whether the ferry that the release carries is placed and linked. @default true */
  readonly ferry?: boolean | undefined;
  /** The ferry that runs: a plain copy of it at /usr/bin/ferry gives way to a link. */
  readonly running?: RunningFerry | undefined;
  /** DOCKER_HOST, for the boot unit. */
  readonly dockerHost?: string | undefined;
  /** How many releases stay, this one included. @default 2 */
  readonly keep?: number | undefined;
  readonly reason?: string | undefined;
  readonly now: Date;
  /** Of the commit that this ferry was built from. */
  readonly buildTime?: Date | undefined;
  /** The command as typed, for the sudo line of a refusal. */
  readonly command?: string | undefined;
  /** Whether a copy of the receipt is written beside the bundle, where that can be written. @default true */
  readonly receiptOnMedium?: boolean | undefined;
  /** Shows a person what would be done and asks whether to go on, before the first change. @default not asked */
  readonly confirm?: ((planned: ImportResult) => Promise<boolean>) | undefined;
  /** Whether the card of this site is written beside the bundle, where that can be written. @default true */
  readonly cardOnMedium?: boolean | undefined;
  /** Shows a person the card and where it is about to be written. */
  readonly onCard?: ((card: SiteCard, path: string) => void) | undefined;
  /** Shows a person the receipt and where its copy is about to be written. */
  readonly onReceipt?: ((receipt: SignedReceipt, path: string) => void) | undefined;
  /** Takes each line of the audit log for the journal of the system too. */
  readonly systemLog?: SystemLog | undefined;
  /** @default silentProgress */
  readonly progress?: Progress | undefined;
  /** Stops the import; everything is then put back. */
  readonly signal?: AbortSignal | undefined;
}

/** A file, with its path as it is on this host. */
export interface ImportedFile {
  readonly path: string;
  /** `kept`: the operator's edit stays. */
  readonly action: 'installed' | 'same' | 'kept';
  readonly digest: Digest;
}

/** A certificate that came, or the one that stays in its place, and how it is put into use: never its key. */
export interface ImportedCertificate {
  /** The folder of `fullchain.pem` and `privkey.pem`, on this host. */
  readonly dir: string;
  /** `kept`: the operator's own stays. */
  readonly action: 'installed' | 'same' | 'kept';
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly issuer: string;
  /** SHA-256 of the certificate, 64 hex digits. */
  readonly fingerprint: string;
  /** Before it is done: who would be told, and where it must be served. */
  readonly reload?: string;
  readonly probe?: string;
  /** Afterwards: who was told, and where it was seen. */
  readonly reloaded?: string;
  readonly served?: string;
}

/** What a dry run found that an import would do. */
export interface ImportPlan {
  /** In the release's order. */
  readonly images: readonly PlannedImage[];
  readonly files: readonly FileChange[];
  /** What becomes of ferry itself, where the release carries it for this machine. */
  readonly ferry?: FerryOutcome;
  /** Disk by disk; none where nothing is to be done. */
  readonly space: readonly SpacePlace[];
}

export interface PlannedImage {
  readonly name: string;
  /** `retag`: it is there, and only the name is to be moved; a loaded one gets its name too. */
  readonly action: 'present' | 'load' | 'retag';
  readonly imageID: Digest;
  /** Of layers, to be read from the medium. */
  readonly bytes: number;
  /** The image that has the name now and will lose it. */
  readonly replaces?: Digest;
}

/** What is to become of a file, and what changes in it. */
export interface FileChange {
  readonly name: string;
  /** As it is on this host. */
  readonly path: string;
  readonly action: 'new' | 'changed' | 'same' | 'kept';
  /** Permission bits, where they change. */
  readonly mode?: { readonly from: string; readonly to: string };
  /** Unified, the first lines of it, with control characters spelled out. */
  readonly diff?: string;
  /** Lines of the diff that are left out. */
  readonly more?: number;
  /** Of a licence: what it says of itself, as far as it can be read. */
  readonly license?: Pick<License, 'isProven' | 'subject' | 'validUntil'>;
  /** Why nothing of it is shown: a file of the site, one that not everybody may read, no text, and so on. */
  readonly why?: 'site' | 'private' | 'binary' | 'large' | 'different';
}

export interface ImportResult {
  readonly kind: 'release' | 'overlay' | 'catalogue';
  /** `present`: there was nothing to do; `planned`: a dry run. */
  readonly action: 'installed' | 'present' | 'planned';
  readonly product?: string;
  /** As people see it: `2.1.0`, or `2.1.0+7`. */
  readonly release?: string;
  readonly sequence?: number;
  /** In the release's order. `loaded`: read from this bundle, in a dry run: to be. */
  readonly images: readonly ReceiptImage[];
  readonly files: readonly ImportedFile[];
  /** The certificate that came for this site. */
  readonly tls?: ImportedCertificate;
  /** What became of ferry itself, or in a dry run will, where the release carries it for this machine. */
  readonly ferry?: FerryOutcome;
  /** Bytes of layers read from the medium; in a dry run, to be read. */
  readonly bytesRead: number;
  /** Bytes of all layers that this engine runs. */
  readonly bytesTotal: number;
  /** Which engine it was; absent where none answered and none was needed. */
  readonly engine?: EngineFacts;
  /** Path of the signed receipt. */
  readonly receipt?: string;
  /** What became of its copy on the medium. */
  readonly receiptCopy?: Omit<MediumCopy, 'warning'>;
  /** What became of this site's card on the medium; absent in a dry run. */
  readonly cardCopy?: Omit<MediumCopy, 'warning'>;
  /** Path of the override, where the engine knows no digests. */
  readonly composeOverride?: string;
  /** The words of the command that runs the release. */
  readonly activate?: readonly string[];
  /** What became of running it, where that was asked for. */
  readonly activation?: 'healthy' | 'failed';
  /** Why the release that is installed does not run; the import ends with it. */
  readonly failure?: InstallError;
  /** Containers that still see an old file, because they mount that one file: they must be made anew. */
  readonly recreate?: readonly { readonly container: string; readonly path: string }[];
  /** What became of a transaction that an earlier command had left; `null`: there was none. */
  readonly recovered?: Recovered;
  /** What `ferry rollback` goes back to; sequence 0 is what was here before the first import. */
  readonly previous?: { readonly sequence: number; readonly release?: string };
  /** In a dry run of a release or an overlay. */
  readonly plan?: ImportPlan;
  /** In a dry run: what was cut off before, which an import would finish or undo first. */
  readonly pending?: Pick<PendingTransaction, 'title' | 'started' | 'direction'>;
  /** Of a folder: the overlay of this site that was taken beside the release. */
  readonly overlay?: string;
  /** Of a folder: the catalogue file beside the bundle, which is in force where it is the newest. */
  readonly catalogue?: string;
  /** Of a folder: all that was written there is on the medium, and nothing there is open any more. */
  readonly safeToUnmount?: true;
  /** When this site's catalogue ends. */
  readonly importableUntil: Date;
  readonly warnings: readonly string[];
}
