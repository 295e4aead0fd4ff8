/** The site's own folder: what it trusts, who it is, what is installed, what was done. */
export type { AuditEntry, SystemLog } from './audit.ts';
export { AUDIT_START, type AuditChain, verifyAudit } from './audit-chain.ts';
export { STATE_FORMAT } from './document.ts';
export { type StateCode, StateError } from './error.ts';
export type { ReleaseDraft, StoredRelease } from './releases.ts';
export {
  findState,
  type OpenStateOptions,
  openState,
  type SiteState,
  type SiteStateReader,
  type Spool,
} from './state.ts';
export type { StoredTrust } from './trust.ts';
