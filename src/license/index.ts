/** Licences: what they say, whether they are for this site, how long they last, and where they come from. The only room that imports jose. */
export { licenseTooLarge, MAX_LICENSE_BYTES } from './bytes.ts';
export type { LicenseCode } from './error.ts';
export { LicenseError } from './error.ts';
export { fetchLicense } from './fetch.ts';
export { isShorter, type JudgeLicenseOptions, judgeLicense } from './judge.ts';
export type { License, LicenseState } from './license.ts';
export { type ReadLicenseOptions, readLicense } from './read.ts';
export type { FetchLicenseOptions } from './request.ts';
export { type LicenseStateOptions, licenseState } from './state.ts';
