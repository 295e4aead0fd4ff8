/** Who this site is, and what it tells its office about itself. */
export { type CardEngine, makeSiteCard, type SiteCardOptions } from './card.ts';
export { type SiteCode, SiteError } from './error.ts';
export {
  checkName,
  type EnsureIdentityOptions,
  ensureSiteIdentity,
  findSiteIdentity,
  isWhole,
  nameSite,
  type SiteIdentity,
  type WholeIdentity,
} from './identity.ts';
