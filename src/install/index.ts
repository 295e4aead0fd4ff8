/** What happens at the site: trust, look, verify, import, status. */
export { type AuditLine, type AuditReport, listAudit, type VerifyAuditOptions, verifySiteAudit } from './audit.ts';
export { type InstallCode, InstallError } from './error.ts';
export { type ConfirmOptions, type PinResult, type PinRootOptions, pinRoot } from './first-root.ts';
export { importBundle } from './import.ts';
export {
  type InspectedImage,
  type Inspection,
  inspectBundle,
  type VerifyOptions,
  verifyBundleAt,
} from './look.ts';
export type { InspectOptions } from './look-judge.ts';
export type { Operator, Override, ReceiptImage } from './receipt.ts';
export { type Recovered, type RecoverOptions, type RecoverResult, recoverSite } from './recover.ts';
export type {
  FileChange,
  ImportedFile,
  ImportOptions,
  ImportPlan,
  ImportResult,
  PlannedImage,
} from './result.ts';
export { type RollbackOptions, type RollbackResult, rollBack } from './rollback.ts';
export { type SignedReceipt, type VerifyReceiptOptions, verifyReceipt } from './signed-receipt.ts';
export { type SiteStatus, type StatusOptions, siteStatus } from './status.ts';
export type { StatusImage } from './status-images.ts';
export { type SupportOptions, type SupportResult, writeSupport } from './support.ts';
