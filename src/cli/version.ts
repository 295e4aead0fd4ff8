/** Which ferry this is. */
import about from '../../package.json' with { type: 'json' };

/** The version of package.json. */
export const VERSION: string = about.version;

/**
 * The day of the newest entry in CHANGELOG.md, below which a site's clock cannot be right (FORMAT §2, Clock). A constant,
 * since a checkout may come without its history and an executable without its files.
 */
export const BUILD_TIME = new Date('2026-11-23T00:00:00Z');
