/** Network requirements, and the checks that are made of them. */
export { runCheck } from './check.ts';
export type { CheckContext, CheckKind, CheckOutcome, CheckStage, CheckTarget } from './outcome.ts';
export { CHECK_KINDS } from './outcome.ts';
