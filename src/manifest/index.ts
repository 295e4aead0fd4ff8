/** What a release is made of, as documents: the manifest in YAML, release.json and site-files.json. Pure. */
export { type Address, parseAddress } from './address.ts';
export type { ComposeImage } from './compose.ts';
export { formatComposeOverride, parseComposeImages, parseComposeServices } from './compose.ts';
export { destinationProblem, productFolders } from './destination.ts';
export type { ManifestCode } from './error.ts';
export { ManifestError } from './error.ts';
export type { FleetEntry, FleetFile, FleetTLS, LicenseSource } from './fleet.ts';
export { fleetSchema, parseFleet } from './fleet.ts';
export { checkFormat, FORMAT, MIN_FERRY } from './format.ts';
export { findHostPort, formatHostPort, type HostPort } from './host-port.ts';
export {
  FERRY_VERSION,
  FILE_NAME,
  isSiteName,
  MAX_FILE_BYTES,
  MAX_MANIFEST_TEXT,
  MODE,
  PRODUCT,
  RELEASE,
  releaseName,
  SITE_ID,
} from './names.ts';
export { parseReleaseManifest } from './parse.ts';
export { isNewer, isRange, satisfiesRange } from './range.ts';
export type { ReleaseDocument, ReleaseFile, ReleaseImage } from './release.ts';
export { parseReleaseDocument } from './release.ts';
export type { ReleaseDocumentOptions } from './release-document.ts';
export { contentDigest, formatTime, releaseDocument, releaseImage } from './release-document.ts';
export type {
  CertificateSource,
  ManifestFerry,
  ManifestFile,
  ManifestImage,
  ManifestLicense,
  ManifestTLS,
  ReleaseManifest,
} from './release-manifest.ts';
export { REQUIREMENT_CHECKS, type Requirement, type RequirementCheck, readAddress } from './requirement.ts';
export { CERTIFICATE_NAME, CHAIN_NAME } from './rules.ts';
export { releaseSchema } from './schema.ts';
export type { HeldImage, SiteCard, SiteCardFields } from './site-card.ts';
export { parseSiteCard, SITE_CARD, siteCardDocument } from './site-card.ts';
export type { SiteFile, SiteFiles } from './site-files.ts';
export { parseSiteFiles, siteFilesDocument } from './site-files.ts';
export type { SitePolicy, TLSPolicy } from './site-policy.ts';
export { DEFAULT_POLICY, folderProblem, parseSitePolicy } from './site-policy.ts';
