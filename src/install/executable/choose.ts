/** Which of the executables that a release carries is for this machine, whatever its engine runs on. Pure. */

import type { ReleaseFile } from '../../manifest/index.ts';
import { isPlatformMatch, OciError, type Platform, parsePlatform } from '../../oci/index.ts';

/** An executable of ferry as a release names it. */
export type FerryFile = ReleaseFile & { readonly ferry: NonNullable<ReleaseFile['ferry']> };

/** Names of Node.js for what images call otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** The machine of this process. @param arch as `os.arch()` says it */
export function machineOf(arch: string): Platform {
  return { os: 'linux', architecture: ARCHITECTURES[arch] ?? arch };
}

/** All executables of ferry in a release. */
export function ferryFiles(files: readonly ReleaseFile[]): readonly FerryFile[] {
  return files.filter((file): file is FerryFile => file.ferry !== undefined);
}

/** The one for this machine. */
export function ferryFor(files: readonly FerryFile[], machine: Platform): FerryFile | undefined {
  return files.find(({ ferry }) => isFor(ferry.platform, machine));
}

/** A platform that this ferry cannot read is another machine's. */
function isFor(platform: string, machine: Platform): boolean {
  try {
    return isPlatformMatch(machine, parsePlatform(platform));
  } catch (error) {
    if (error instanceof OciError) return false;
    throw error;
  }
}
