/** What happens at the site: trust, look, verify, import, status. */

export { type InstallCode, InstallError } from './error.ts';
export { type BootUnitOptions, bootUnit } from './executable/boot-unit.ts';
export type { FerryOutcome } from './executable/plan.ts';
export { type InitSiteOptions, type InitSiteResult, initSite, type NamedSite } from './identity/init-site.ts';
export { type WriteCardOptions, type WrittenCard, writeCard } from './identity/write-card.ts';
export { importBundle } from './import/import.ts';
export type {
  FileChange,
  ImportedCertificate,
  ImportedFile,
  ImportOptions,
  ImportPlan,
  ImportResult,
  PlannedImage,
} from './import/result.ts';
export { type ConfirmOptions, type PinResult, type PinRootOptions, pinRoot } from './judge/first-root.ts';
export { type InstallLicenseOptions, type InstallLicenseResult, installLicense } from './license/install.ts';
export { type LookAtLicenseOptions, lookAtLicense, type SiteLicense } from './license/look.ts';
export { type ShowLicenseOptions, showLicense } from './license/show.ts';
export { findBundle } from './look/find-bundle.ts';
export {
  type InspectedImage,
  type Inspection,
  inspectBundle,
  type VerifyOptions,
  verifyBundleAt,
} from './look/look.ts';
export type { InspectOptions } from './look/look-judge.ts';
export {
  type AuditLine,
  type AuditReport,
  listAudit,
  type VerifyAuditOptions,
  verifySiteAudit,
} from './records/audit.ts';
export type { Operator, Override, ReceiptImage } from './records/receipt.ts';
export { type SignedReceipt, type VerifyReceiptOptions, verifyReceipt } from './records/signed-receipt.ts';
export { type RollbackOptions, type RollbackResult, rollBack } from './rollback/rollback.ts';
export type { StatusImage } from './status/images.ts';
export { findKnownSite, type KnownSite } from './status/known.ts';
export { type SiteStatus, type StatusOptions, siteStatus } from './status/status.ts';
export { tlsLines as tlsAttention } from './status/tls.ts';
export { type SupportOptions, type SupportResult, writeSupport } from './support/support.ts';
export { type InstallTLSOptions, type InstallTLSResult, installTLS } from './tls/install.ts';
export { type LookAtTLSOptions, lookAtTLS, type ServedState, type SiteTLS, type WaitingTLS } from './tls/look.ts';
export { type RequestTLSOptions, type RequestTLSResult, requestTLS } from './tls/request.ts';
export { type ShowTLSOptions, showTLS } from './tls/show.ts';
export { type Recovered, type RecoverOptions, type RecoverResult, recoverSite } from './transaction/recover.ts';
