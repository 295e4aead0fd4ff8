/** Network requirements, and the checks that are made of them. */
export { AIR_GAPPED_IMPACTS, ATRIUM_REQUIREMENTS } from './atrium.ts';
export { runCheck } from './check.ts';
export type { CheckContext, CheckKind, CheckOutcome, CheckStage, CheckTarget } from './outcome.ts';
export { CHECK_KINDS } from './outcome.ts';
export { type PlannedRow, planRows, type RequirementRow } from './rows.ts';
export { type PreflightOptions, type PreflightResult, type PreflightRow, runPreflight } from './run.ts';
export type { SiteCertificate, SiteFacts, SiteLicenseFacts } from './site.ts';
