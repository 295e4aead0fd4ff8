/**
 * From an error's code to an exit status (FORMAT §8) and to what a person can do about it. One table over the codes of
 * all rooms: it does not compile when one is missing. An error that knows a better hint, from its facts, brings its own.
 */
import type { BundleCode } from '../bundle/index.ts';
import type { ContentCode } from '../content/index.ts';
import type { DockerCode } from '../docker/index.ts';
import type { FerryError } from '../errors.ts';
import type { ExportCode } from '../export/index.ts';
import type { HTTPCode } from '../http/index.ts';
import type { InstallCode } from '../install/index.ts';
import type { LayoutCode } from '../layout/index.ts';
import type { LicenseCode } from '../license/index.ts';
import type { ManifestCode } from '../manifest/index.ts';
import type { MediaCode } from '../media/index.ts';
import type { OciCode } from '../oci/index.ts';
import type { RegistryCode } from '../registry/index.ts';
import type { SealCode } from '../seal/index.ts';
import type { SiteCode } from '../site/index.ts';
import type { StateCode } from '../state/index.ts';
import type { TLSCode } from '../tls/index.ts';
import type { TrustCode } from '../trust/index.ts';
import type { WorkspaceCode } from '../workspace/index.ts';
import type { SystemCode } from './errno.ts';
import type { CliCode } from './error.ts';
import { LICENSE_WORDS } from './license-words.ts';
import { type ErrorStatus, SITE_WORDS } from './site-words.ts';
import { TLS_WORDS } from './tls-words.ts';

/** Every code that an error of Ferry can carry. */
export type FerryCode =
  | BundleCode
  | CliCode
  | ContentCode
  | DockerCode
  | ExportCode
  | HTTPCode
  | InstallCode
  | LayoutCode
  | LicenseCode
  | ManifestCode
  | MediaCode
  | OciCode
  | RegistryCode
  | SealCode
  | SiteCode
  | StateCode
  | SystemCode
  | TLSCode
  | TrustCode
  | WorkspaceCode;

/** The exit status and the hint for an error. */
export interface Words {
  readonly exit: ErrorStatus;
  readonly hint: string;
}

/** What to do about an error. Its own hint goes before the table's. */
export function wordsFor(error: FerryError): Words {
  const [exit, hint] = WORDS[error.code as FerryCode];
  return { exit, hint: error.hint ?? hint };
}

const AGAIN = 'run the same command again: what is done is kept';
const ANOTHER_COPY = 'make another copy of the bundle, and try another stick if it happens again';
const NOT_OURS = 'somebody else signed this, or it was changed on the way: do not use it, ask the office that made it';
const ASK_THE_OFFICE = 'ask the office for a new bundle or catalogue (`ferry catalogue export`)';
const NEWER_FERRY = 'install the newer ferry that the line names';

/** Exit status and hint of every code. */
export const WORDS: Readonly<Record<FerryCode, readonly [exit: ErrorStatus, hint: string]>> = {
  // The command line and the system.
  USAGE: [2, '`ferry --help` shows how'],
  OPTION_FILE: [2, 'check the path and who may read it'],
  QUESTION_UNANSWERED: [3, 'run it at a terminal, or give the answer as an option'],
  INTERRUPTED: [130, 'nothing was changed'],
  FILE_NOT_FOUND: [1, 'check the path'],
  FILE_KIND: [2, 'name a file, not a folder'],
  FILE_DENIED: [5, 'run it as a user who may do that'],
  DISK_FULL: [5, 'make room and run the command again'],
  DISK_READ_ONLY: [5, 'mount it writable, or choose another folder'],
  IO_ERROR: [4, 'the disk or stick fails: try another one'],

  // Names and documents of images.
  REFERENCE_INVALID: [2, 'write images as registry/repository:tag; the registry is never guessed'],
  DIGEST_INVALID: [2, 'write digests as sha256: and 64 lower-case hex digits'],
  PLATFORM_INVALID: [2, 'write platforms as os/architecture, for example linux/amd64'],
  MANIFEST_INVALID: [1, 'the image is not built as the image specification says: build or push it again'],
  CONFIG_INVALID: [1, 'the image is not built as the image specification says: build or push it again'],
  SCHEMA1_REFUSED: [1, 'push the image again with a tool of this decade: schema 1 proves nothing'],
  FOREIGN_LAYER: [1, 'layers that live on other servers cannot be carried: use an image without them'],
  TOO_MANY_LAYERS: [1, 'build the image with fewer layers: Docker 20.10 takes 125'],
  DOCUMENT_TOO_LARGE: [1, 'no honest manifest is this large: check what the name points at'],
  PLATFORM_NOT_FOUND: [1, 'choose one that the image has, in `platforms` of the release manifest or with --platform'],

  // Bytes and the places that hold them.
  SIZE_MISMATCH: [4, ANOTHER_COPY],
  DIGEST_MISMATCH: [4, ANOTHER_COPY],
  TOO_LARGE: [4, 'no honest file of this kind is this large'],
  NO_FILE: [1, 'write what comes through the pipe into a file first'],
  JSON_INVALID: [4, ANOTHER_COPY],
  CONTROL_CHARACTER: [2, 'take the control character out of the text'],
  LOCKED: [6, 'wait until the other one is done'],
  NO_SPACE: [5, 'make room, or choose a larger disk or stick'],
  FAT_LIMIT: [5, 'format the stick with exFAT or ext4: FAT32 holds no file of 4 GiB'],
  READ_ONLY: [5, 'mount it writable (a stick may have a switch), or choose another folder'],
  NOT_WRITABLE: [5, 'run it as a user who may write there, or choose another folder'],
  WRITE_FAILED: [4, 'the disk or stick fails, or was pulled out: try another one'],
  NAME_TAKEN: [1, 'move the other file away, or choose another name: ferry replaces no file of others'],

  // The network and registries.
  UNKNOWN_HOST: [1, 'check the name of the registry, and DNS or HTTPS_PROXY on this machine'],
  UNREACHABLE: [1, 'check the network, the firewall and HTTPS_PROXY; for a mirror --mirror HOST=HOST'],
  TLS_NOT_TRUSTED: [1, 'give the certificate authority with --ca FILE'],
  TLS_FAILED: [1, 'the other side may speak plain HTTP (--plain-http HOST) or want a certificate (--cert, --key)'],
  PLAIN_HTTP_REFUSED: [2, 'give --plain-http HOST if that is meant'],
  PROXY_REFUSED: [1, 'check HTTPS_PROXY and NO_PROXY'],
  CONNECTION_LOST: [1, AGAIN],
  IDLE_TIMEOUT: [1, AGAIN],
  REDIRECT_REFUSED: [1, 'the server leads somewhere that ferry does not follow: ask who runs it, and check the token'],
  CERTIFICATE_FILE_INVALID: [2, 'give certificates and keys in PEM'],
  DENIED: [1, 'log in with `docker login REGISTRY`, for ghcr.io or set GHCR_TOKEN; check that the name is right'],
  IMAGE_NOT_FOUND: [1, 'check the name and the tag in the release manifest'],
  BLOB_NOT_FOUND: [1, 'the registry has lost a part of the image: push it again'],
  DIGEST_CHANGED: [1, 'the tag was moved since it was pinned: find out why, then pin the new digest'],
  BLOB_CHANGED: [4, 'the registry sent other bytes than before: run it again, and ask who runs it'],
  RATE_LIMITED: [1, 'wait, or log in: registries allow more to those they know'],
  REGISTRY_FAILED: [1, 'the registry is in trouble: run the same command again later, what is done is kept'],
  REGISTRY_ANSWER: [1, 'this is no answer of a registry: check the name, and what stands between'],
  MIRROR_INVALID: [2, 'write --mirror HOST=HOST[:PORT][/PREFIX]'],
  CREDENTIALS_INVALID: [1, 'check ~/.docker/config.json and its credential helper'],

  // The release manifest and signed documents.
  MANIFEST_YAML: [2, 'correct the release manifest at that line'],
  MANIFEST_VALUE: [2, 'correct the release manifest at that line; manifests/release-manifest.schema.json has all keys'],
  POLICY_INVALID: [2, 'correct site.yaml at that line; docs/activation.md shows a whole one'],
  FLEET_INVALID: [2, 'correct fleet.yaml at that line; manifests/fleet.schema.json has all keys'],
  DESTINATION_REFUSED: [2, 'install below /etc, /opt or /var/lib in a folder named like the product'],
  RELEASE_INVALID: [3, ASK_THE_OFFICE],
  SITE_FILES_INVALID: [3, ASK_THE_OFFICE],
  CARD_INVALID: [3, 'ask the site for a new one: `ferry site card --out site.json`'],
  FORMAT_TOO_NEW: [5, NEWER_FERRY],

  // The tar.
  TAR_INVALID: [4, ANOTHER_COPY],
  TAR_TRUNCATED: [4, ANOTHER_COPY],
  TAR_TOO_MANY_ENTRIES: [4, ANOTHER_COPY],
  PACK_FAILED: [1, AGAIN],
  BUNDLE_NOT_FOUND: [75, 'is the stick in, and mounted there?'],
  NOT_A_BUNDLE: [4, 'name a file that ends in .ferry.tar, as `ferry export` wrote it'],
  BUNDLE_CUT_OFF: [4, 'the copy was not finished: copy it again, and unmount the stick before you pull it out'],
  DAMAGED: [4, ANOTHER_COPY],
  PLAN_INVALID: [2, 'correct the release manifest'],
  SOURCE_SIZE: [4, 'the registry sent another length than the manifest says: run it again'],

  // The medium.
  MEDIUM_FOLDER_MISSING: [75, 'is the stick in, and mounted there?'],
  KIT_EMPTY: [2, 'name what is to lie there: --bundle FILE'],
  KIT_RELEASES: [2, 'name one release: a site imports a folder with exactly one'],
  KIT_PRODUCTS: [3, 'use a stick for each product, or move the other tars away'],
  KIT_ROOT: [3, 'keys were changed since that export: export again, or use the workspace that it is from'],
  KIT_PLATFORMS: [2, 'leave one executable for each platform in `ferry` of the release manifest, and export again'],
  READ_BACK: [4, 'the stick or its reader fails: write the same to another one'],

  // Keys, catalogue, release.
  NOT_PINNED: [3, 'pin the root first: `ferry trust root.json`, with the fingerprint from the approval sheet'],
  FINGERPRINT_MISMATCH: [
    3,
    'compare with the approval sheet; if it is typed right, this root is not the one that was approved',
  ],
  ROOT_MISMATCH: [
    3,
    'this is of another office than the one that is trusted here (or of its other product): do not use it, ask the office',
  ],
  SIGNATURE_THRESHOLD: [3, NOT_OURS],
  SIGNATURE_INVALID: [3, NOT_OURS],
  ROLLBACK: [3, NOT_OURS],
  EQUIVOCATION: [3, 'two catalogues carry one number: a key may be in other hands, tell the office before you go on'],
  MIX_AND_MATCH: [3, NOT_OURS],
  EXPIRED: [3, 'carry a new catalogue here: `ferry catalogue export` at the office, `ferry import` of that file'],
  WRONG_PRODUCT: [3, 'this bundle is for another product: look at the name of the file'],
  RELEASE_NOT_LISTED: [3, 'the office has taken this release back: ask for the current one'],
  SITE_FILES_NOT_LISTED: [3, ASK_THE_OFFICE],
  DOWNGRADE: [3, 'to go back on purpose: --allow-downgrade --reason TEXT'],
  NOT_CANONICAL: [3, NOT_OURS],
  METADATA_INVALID: [3, NOT_OURS],
  METADATA_TOO_LARGE: [3, NOT_OURS],
  KEY_INVALID: [1, 'keys are Ed25519 or P-256, in PEM'],
  SIGNER_FAILED: [1, 'try the program of --signer-cmd by itself'],
  REQUEST_INVALID: [3, 'name a file that `ferry keys` wrote'],
  ENVELOPE_INVALID: [3, NOT_OURS],

  // The office's folder.
  WORKSPACE_NOT_FOUND: [2, '`ferry init DIR --product NAME` makes a workspace'],
  WORKSPACE_EXISTS: [2, 'name another folder: a workspace is never overwritten'],
  WORKSPACE_INVALID: [1, 'take the workspace from its backup, or make one with `ferry init --restore BUNDLE`'],
  LEDGER_BEHIND: [3, 'this is an old copy of the workspace: use the newest one, or `ferry init --restore BUNDLE`'],
  PASSPHRASE_NEEDED: [3, 'run it at a terminal, or give --passphrase-file FILE'],
  KEY_MISSING: [1, 'plug in what holds the key (--root-keys DIR), or give --signer-cmd CMD'],
  KEY_UNKNOWN: [2, '`ferry keys list` shows the keys'],
  KEYS_TOO_FEW: [2, 'add a key first: `ferry keys add ROLE`'],
  ROOT_ENDED: [3, 'make a new root: `ferry keys rotate root`'],
  CEREMONY_OPEN: [6, 'assemble the open request first, or remove its files'],
  CEREMONY_STALE: [3, 'another root was published since: start the change again'],
  RELEASE_UNKNOWN: [2, '`ferry catalogue list` shows what there is'],
  RELEASE_AMBIGUOUS: [2, 'give the sequence too, for example 2.1.0+7'],
  RELEASE_REVOKED: [3, 'this very content was taken back: change something in it, or take another release'],
  SITE_UNKNOWN: [
    3,
    'add it with its card: `ferry fleet add CARD --fingerprint HEX`; `ferry fleet list` shows who is known',
  ],
  SITE_AMBIGUOUS: [2, 'give the ID of the one that is meant; in a source of licences {site} instead of {name}'],
  CARD_CHANGED: [
    3,
    'find out at the site why; then pin it again with what `ferry site card` prints there: `ferry fleet add CARD --fingerprint HEX`',
  ],
  CARD_PRODUCT: [3, 'use the workspace of that product: --workspace DIR'],
  CARD_NOT_COMPARED: [3, 'give --fingerprint with what `ferry site card` printed at the site, or run it at a terminal'],
  WRONG_PASSPHRASE: [3, 'type it again; nothing was signed'],
  SEAL_INVALID: [4, 'the file is damaged: take a key from its backup, and of a bundle another copy'],
  NOT_FOR_US: [3, 'this was sealed for another site: ask the office for the one that is for this site'],
  FEATURE_LATER: [2, 'leave that out of the release manifest: this ferry does not carry it yet'],
  PRODUCT_DIFFERS: [3, 'use the workspace of that product: --workspace DIR'],
  SOURCE_FILE: [2, 'a path is relative to the file that names it (release manifest, fleet.yaml)'],
  TOKEN_MISSING: [2, 'set the variable that `tokenEnv` names'],
  SITE_NEEDED: [2, 'name the site with --site CARD or --fleet FILE, or write the source without {site} and {name}'],
  LICENSES_REFUSED: [1, 'nothing was written: correct these, or take their sites out of the fleet'],
  SITE_FILES_REFUSED: [1, 'nothing was written: correct these, or take their sites out of the fleet'],
  TLS_OTHER_KEY: [
    1,
    'have it made for the request that `ferry fleet csr SITE` writes, or take a newer card of the site',
  ],
  TLS_NO_REQUEST: [
    1,
    'at the site `ferry tls request --name NAME --out FILE`, then `ferry site card`; here `ferry fleet add` takes that card',
  ],
  NOTHING_TO_EXPORT: [
    2,
    'say where they come from: `license` or `tls.chain`, in the release manifest or in fleet.yaml',
  ],
  OUT_MISSING: [75, 'is the stick in, and mounted there?'],
  EXPORT_DAMAGED: [1, 'remove that bundle and run the command again'],

  // Tables of their own: licences, the engine and the site, certificates.
  ...LICENSE_WORDS,
  ...SITE_WORDS,
  ...TLS_WORDS,
};
