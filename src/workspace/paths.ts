/** Where things are in a workspace (FORMAT §6). */
import { join } from 'node:path';

/** The paths of a workspace folder. */
export interface WorkspacePaths {
  readonly settings: string;
  readonly root: string;
  readonly ledger: string;
  readonly ledgerLock: string;
  readonly keys: string;
  readonly tuf: string;
  /** Requests for signatures of a root, until they are assembled. */
  readonly requests: string;
  readonly blobs: string;
  /** Files that were sealed for sites, by what is in them and for whom. */
  readonly sealed: string;
  readonly exports: string;
  /** A file for each site that is pinned. */
  readonly fleet: string;
}

/** The paths of the workspace in `directory`. */
export function workspacePaths(directory: string): WorkspacePaths {
  const at = (...names: string[]) => join(directory, ...names);
  return {
    settings: at('workspace.json'),
    root: at('root.json'),
    ledger: at('ledger.json'),
    ledgerLock: at('lock'),
    keys: at('keys'),
    tuf: at('tuf'),
    requests: at('requests'),
    blobs: at('cache', 'blobs', 'sha256'),
    sealed: at('cache', 'sealed'),
    exports: at('exports'),
    fleet: at('fleet'),
  };
}

/** A root by its number, under `tuf/`. */
export function rootPath({ tuf }: WorkspacePaths, version: number): string {
  return join(tuf, `${version}.root.json`);
}

/** The bytes of a target as first signed, under `tuf/`. */
export function targetPath({ tuf }: WorkspacePaths, path: string): string {
  return join(tuf, 'targets', path);
}
