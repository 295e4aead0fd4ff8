/** `workspace.json` (FORMAT §6): what was decided at `init` and does not change. */
import { canonicalJSON, findFileBounded, parseJSON, writeAtomic } from '../content/index.ts';
import { checkFormat, FORMAT, MIN_FERRY, PRODUCT } from '../manifest/index.ts';
import { WorkspaceError } from './error.ts';
import type { WorkspacePaths } from './paths.ts';

/** For how many days what is signed holds. */
export interface Validity {
  /** Timestamp, snapshot and targets. */
  readonly catalogueDays: number;
  readonly rootDays: number;
}

/** What FORMAT §2 gives when `init` says nothing else. */
export const DEFAULT_VALIDITY: Validity = { catalogueDays: 400, rootDays: 1100 };

/** The content of workspace.json. */
export interface Settings {
  readonly product: string;
  readonly validity: Validity;
  /** Absolute path of the folder that holds the root keys, where they are kept apart. */
  readonly rootKeysDir?: string;
}

const MAX_DAYS = 36_500;

/** Reads workspace.json. @throws {WorkspaceError} `WORKSPACE_NOT_FOUND`, `WORKSPACE_INVALID` */
export async function readSettings(paths: WorkspacePaths): Promise<Settings> {
  const bytes = await findFileBounded(paths.settings, { max: 64 * 1024 });
  if (bytes === undefined) {
    throw new WorkspaceError(`open workspace: expected ${paths.settings}, got no such file`, {
      code: 'WORKSPACE_NOT_FOUND',
      facts: { path: paths.settings },
    });
  }
  const value = parseJSON(bytes, 'workspace.json');
  checkFormat(value, 'workspace.json');
  if (isSettings(value)) return value;
  throw new WorkspaceError(`open workspace: ${paths.settings}: expected product and validity, got others`, {
    code: 'WORKSPACE_INVALID',
  });
}

/** Writes workspace.json: the last file of a new workspace. */
export async function writeSettings(paths: WorkspacePaths, settings: Settings): Promise<void> {
  await writeAtomic(paths.settings, canonicalJSON({ format: FORMAT, minFerry: MIN_FERRY, ...settings }));
}

/** Whether a validity can be used. */
export function isDays(days: unknown): days is number {
  return typeof days === 'number' && Number.isInteger(days) && days >= 1 && days <= MAX_DAYS;
}

function isSettings(value: unknown): value is Settings {
  const { product, validity, rootKeysDir } = Object(value) as Partial<Settings>;
  if (typeof product !== 'string' || !PRODUCT.test(product)) return false;
  if (rootKeysDir !== undefined && typeof rootKeysDir !== 'string') return false;
  return isDays(validity?.catalogueDays) && isDays(validity?.rootDays);
}
