/** The executables that a release carries, and the names under which they lie on a stick: `ferry-linux-x64`. */
import type { ReleaseDocument } from '../manifest/index.ts';
import type { Digest } from '../oci/index.ts';
import { MediaError } from './error.ts';

/** One executable of ferry. */
export interface Executable {
  /** On the stick. */
  readonly name: string;
  /** In the bundle. */
  readonly entry: string;
  readonly version: string;
  /** `linux/amd64`. */
  readonly platform: string;
  readonly digest: Digest;
  readonly size: number;
}

/** As Node.js calls them, and whoever downloads programs knows them. */
const SYSTEMS: Readonly<Record<string, string>> = { windows: 'win' };
const MACHINES: Readonly<Record<string, string>> = { amd64: 'x64', '386': 'ia32' };

/** In the order of their names. @throws {MediaError} `KIT_PLATFORMS` when two would have one name */
export function executablesOf(release: Pick<ReleaseDocument, 'files'>): Executable[] {
  const found = release.files.flatMap(({ name, digest, size, ferry }): Executable[] => {
    if (ferry === undefined) return [];
    return [{ name: executableName(ferry.platform), entry: `files/${name}`, digest, size, ...ferry }];
  });
  const twice = found.find(({ name }, at) => found.findIndex((other) => other.name === name) < at);
  if (twice === undefined) return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  throw new MediaError(`lay out: expected one executable for ${twice.platform}, got two`, {
    code: 'KIT_PLATFORMS',
    facts: { platform: twice.platform },
  });
}

/** `ferry-linux-x64` of `linux/amd64`. Whatever stands in a signed document, it stays one name. */
export function executableName(platform: string): string {
  const [os = '', architecture = '', ...variant] = platform.replaceAll(/[^a-z0-9/]/g, '_').split('/');
  const name = ['ferry', SYSTEMS[os] ?? os, MACHINES[architecture] ?? architecture, ...variant].join('-');
  return os === 'windows' ? `${name}.exe` : name;
}
