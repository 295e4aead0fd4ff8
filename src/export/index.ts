/** The office's transaction: from a release manifest to a signed tar. */
export type { ExportedCatalogue } from './catalogue.ts';
export { exportCatalogue } from './catalogue.ts';
export type { ExportCode } from './error.ts';
export { ExportError } from './error.ts';
export { exportRelease } from './export-release.ts';
export { exportSiteFiles } from './export-site-files.ts';
export type { InitWorkspaceOptions } from './init.ts';
export { initWorkspace } from './init.ts';
export type {
  ExportedImage,
  ExportedSite,
  ExportOptions,
  ExportResult,
  ShownCertificate,
  ShownLicense,
  ShownSite,
  SiteFilesResult,
} from './options.ts';
export type { WrittenRequest } from './site-request.ts';
export { writeSiteRequest } from './site-request.ts';
