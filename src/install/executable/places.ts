/**
 * Where ferry's own executables stand on a host: each version in a folder of its own, one link that says which is used,
 * and the unit that recovers at boot. The only places outside of a product's folders that an import writes to. FORMAT §3.
 */

import { FERRY_VERSION } from '../../manifest/index.ts';

/** Each version has a folder here. */
export const VERSIONS = '/usr/local/lib/ferry';
/** The name of the executable in it, and of the link. */
export const FERRY = 'ferry';
/** The folder of the link: what sudo searches on Red Hat's systems too, where /usr/local/bin is left out. */
export const LINK_FOLDER = '/usr/bin';
export const LINK = `${LINK_FOLDER}/${FERRY}`;
export const UNIT_FOLDER = '/etc/systemd/system';
export const UNIT = 'ferry-recover.service';

/** The folder of a version. */
export function versionFolder(version: string): string {
  return `${VERSIONS}/${version}`;
}

/** The executable of a version, without the prefix. */
export function executablePath(version: string): string {
  return `${versionFolder(version)}/${FERRY}`;
}

/** What the link says: relative, so that it leads there from inside of a prefix and from outside. */
export function linkTarget(version: string): string {
  return `../local/lib/ferry/${version}/${FERRY}`;
}

/** The version that a link leads to; `undefined` where it leads anywhere else. */
export function versionOfTarget(target: string): string | undefined {
  const version = /^(?:\.\.\/local|\/usr\/local)\/lib\/ferry\/([^/]+)\/ferry$/.exec(target)?.[1];
  return version !== undefined && FERRY_VERSION.test(version) ? version : undefined;
}
