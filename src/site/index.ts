/** Who this site is. */
export { type SiteCode, SiteError } from './error.ts';
export { ensureSiteIdentity, findSiteIdentity, type SiteIdentity } from './identity.ts';
