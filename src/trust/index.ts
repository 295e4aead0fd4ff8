/** Keys, roles and thresholds; the office's half of TUF and the site's; envelopes. Pure: bytes and a clock in. */
export type { Accepted, AcceptOptions, Effective } from './accept.ts';
export { acceptChain } from './accept.ts';
export type {
  ListedFile,
  PartOptions,
  RootOptions,
  SnapshotOptions,
  TargetsOptions,
  TimestampOptions,
} from './build.ts';
export {
  isRenewalDue,
  makeRoot,
  makeSnapshot,
  makeTargets,
  makeTimestamp,
  signMetadata,
  summaryOf,
  unsignedRoot,
  unsignedSnapshot,
  unsignedTargets,
  unsignedTimestamp,
} from './build.ts';
export type { TargetEntry } from './catalogue.ts';
export type { Tally } from './ceremony.ts';
export { assemble, formatTally, signRequest, tally } from './ceremony.ts';
export type { Chain, ChainView, SignedPart } from './chain.ts';
export { importableUntil, readChain } from './chain.ts';
export type { Clocks } from './clock.ts';
export { formatTime } from './clock.ts';
export type { ReleaseEntry, SiteFilesEntry } from './entry.ts';
export { parseEntry, releaseTarget, siteFilesPath, siteFilesTarget } from './entry.ts';
export type { EnvelopeContent } from './envelope.ts';
export { MAX_ENVELOPE_BYTES, openEnvelope, peekEnvelope, signEnvelope } from './envelope.ts';
export type { TrustCode, TrustErrorOptions } from './error.ts';
export { TrustError } from './error.ts';
export type { Fingerprint } from './fingerprint.ts';
export {
  fingerprint,
  keyFingerprint,
  matchesFingerprint,
  matchesKeyFingerprint,
  refuseMistyped,
} from './fingerprint.ts';
export type { PublicKey } from './key.ts';
export { ed25519Key, generateKey, publicKeyFromPEM, publicKeyOf, signWith, siteIDOf, verifySignature } from './key.ts';
export type { Role } from './metadata.ts';
export { MAX_ROOT_BYTES, MAX_ROOTS, MAX_SNAPSHOT_BYTES, MAX_TARGETS_BYTES, MAX_TIMESTAMP_BYTES } from './metadata.ts';
export type { PinOptions } from './pin.ts';
export { judgeRoot, pinRoot, rootRoles } from './pin.ts';
export type { Quorum, RequestOptions, SigningRequest } from './request.ts';
export { MAX_REQUEST_BYTES, makeRequest, readRequest } from './request.ts';
export type { RoleKeys, RootRoles, RootView } from './root.ts';
export type { Signer, SignerCall, SignerResult } from './signer.ts';
export { commandSigner, pemSigner } from './signer.ts';
export type { CatalogueFiles, Floors, SiteTrust } from './site-trust.ts';
export { raiseReleaseFloor } from './site-trust.ts';
export type { AcceptedRelease, AcceptReleaseOptions } from './use.ts';
export { acceptRelease, acceptSiteFiles, showRelease } from './use.ts';
