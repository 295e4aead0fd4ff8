/** An opened workspace: its paths, its settings, and how its keys are reached. Nothing is locked and no key is open. */
import { resolve } from 'node:path';
import type { AskPassphrase } from './key-files.ts';
import { findKey } from './key-files.ts';
import type { WorkspacePaths } from './paths.ts';
import { workspacePaths } from './paths.ts';
import type { Settings } from './settings.ts';
import { readSettings } from './settings.ts';

export interface OpenWorkspaceOptions {
  /** Asked at most once, and only when a sealed key must sign. */
  readonly passphrase?: AskPassphrase | undefined;
  /** Signs for keys of the root whose files are not here. */
  readonly signerCommand?: string | undefined;
  /** @default 120_000 */
  readonly signerTimeoutMs?: number | undefined;
  /** The folder of the root keys, where it is another than at `init`. */
  readonly rootKeysDir?: string | undefined;
  /** The office's clock, or `SOURCE_DATE_EPOCH`. */
  readonly now: Date;
  /** For the signer command. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Base-2 logarithm of scrypt's work for new keys, lower only in tests. @default 18 */
  readonly workFactor?: number | undefined;
}

/** The office's folder. */
export interface Workspace {
  /** Absolute path. */
  readonly dir: string;
  readonly product: string;
  readonly settings: Settings;
  readonly paths: WorkspacePaths;
  readonly options: OpenWorkspaceOptions;
  /** The folder of root keys: `keys/` or the one of its own. */
  readonly rootKeysDir: string;
  /** A private key's PEM by its file, opened once; `undefined` when the file is not there. */
  readonly openKey: (path: string) => Promise<string | undefined>;
}

/** Opens the workspace in `directory`. @throws {WorkspaceError} `WORKSPACE_NOT_FOUND`, `WORKSPACE_INVALID` */
export async function openWorkspace(directory: string, options: OpenWorkspaceOptions): Promise<Workspace> {
  const dir = resolve(directory);
  const paths = workspacePaths(dir);
  const settings = await readSettings(paths);
  return workspaceOf({ dir, paths, settings, options });
}

/** A workspace whose settings are known. */
export function workspaceOf(parts: Pick<Workspace, 'dir' | 'paths' | 'settings' | 'options'>): Workspace {
  const { paths, settings, options } = parts;
  const { passphrase } = options;
  const ask = passphrase && once(passphrase);
  const opened = new Map<string, Promise<string | undefined>>();
  return {
    ...parts,
    product: settings.product,
    options: { ...options, passphrase: ask },
    rootKeysDir: options.rootKeysDir ?? settings.rootKeysDir ?? paths.keys,
    openKey: (path) => {
      const key = opened.get(path) ?? findKey(path, ask);
      opened.set(path, key);
      return key;
    },
  };
}

/** The first answer is kept: one passphrase seals all keys of a workspace. */
export function once(passphrase: AskPassphrase): AskPassphrase {
  let answer: Promise<string> | undefined;
  return (ask) => {
    answer ??= passphrase(ask);
    return answer;
  };
}
