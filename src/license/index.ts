/** Licences: what they say, whether they are for this site, how long they last, and where they come from. The only room that imports jose. */
export type { License, LicenseState } from './license.ts';
