/**
 * `ferry init`: a new workspace with its keys and its first root, made beside its place and moved there whole. With
 * what a bundle carries it is a workspace that goes on where a lost one ended: its numbers far above all that may have
 * been given out since, and a root that names the new keys, signed by the former root's holders (FORMAT §2).
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { isErrno, readFileBounded, syncDirectory } from '../content/index.ts';
import { PRODUCT } from '../manifest/index.ts';
import type { Chain, Fingerprint, PublicKey, Role, RootRoles, Signer } from '../trust/index.ts';
import { fingerprint, generateKey, MAX_ROOT_BYTES, makeRoot, pemSigner } from '../trust/index.ts';
import { WorkspaceError } from './error.ts';
import type { AskPassphrase } from './key-files.ts';
import { saveKey } from './key-files.ts';
import { adoptRootKeys } from './keys.ts';
import type { Ledger, LedgerKey } from './ledger.ts';
import { writeLedger } from './ledger.ts';
import type { Workspace } from './open.ts';
import { once, openWorkspace } from './open.ts';
import { workspacePaths } from './paths.ts';
import { restoredLedger } from './restore.ts';
import type { RootChange } from './root-change.ts';
import { changeRoot } from './root-change.ts';
import { DEFAULT_VALIDITY, isDays, writeSettings } from './settings.ts';
import { writeRoot, writeTarget } from './store.ts';

/** How many keys a role has, and how many of them must sign. */
export interface RoleThreshold {
  readonly threshold: number;
  readonly holders: number;
}

export interface CreateWorkspaceOptions {
  readonly product: string;
  /** Seals every key. Absent: keys are kept unsealed, mode 0600 (`--no-passphrase`). */
  readonly passphrase?: AskPassphrase | undefined;
  /** A folder of its own for the root keys: a stick that is then put away. */
  readonly rootKeysDir?: string | undefined;
  /** @default 1 of 1 for each role */
  readonly thresholds?: Readonly<Partial<Record<Role, RoleThreshold>>> | undefined;
  /** @default 400 */
  readonly validityDays?: number | undefined;
  /** @default 1100 */
  readonly rootValidityDays?: number | undefined;
  /** What a bundle of the lost workspace carries. Its root keys are looked for in `rootKeysDir`. */
  readonly restore?: { readonly chain: Chain; readonly release?: Uint8Array } | undefined;
  readonly signerCommand?: string | undefined;
  readonly now: Date;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Base-2 logarithm of scrypt's work, lower only in tests. @default 18 */
  readonly workFactor?: number | undefined;
}

export interface CreatedWorkspace {
  readonly workspace: Workspace;
  readonly dir: string;
  readonly product: string;
  /** The file to carry to the sites. */
  readonly rootPath: string;
  readonly fingerprint: Fingerprint;
  /** For a restored workspace: how its first root of its own went. */
  readonly rootChange?: RootChange;
}

const ROLES: readonly Role[] = ['root', 'targets', 'snapshot', 'timestamp'];

/**
 * Makes a workspace in a folder that is empty or not there.
 * @throws {WorkspaceError} `WORKSPACE_EXISTS`; {TypeError} for a product, validity or threshold that is none: the
 *   command line checks those; {ContentError} `NOT_WRITABLE`, `NO_SPACE`
 */
export async function createWorkspace(directory: string, options: CreateWorkspaceOptions): Promise<CreatedWorkspace> {
  checkOptions(options);
  const dir = resolve(directory);
  if (options.rootKeysDir !== undefined && isWithin(dir, resolve(options.rootKeysDir))) {
    throw new TypeError('root keys: expected a folder apart from the workspace');
  }
  await checkFree(dir);
  const kept: string[] = [];
  const asked = { ...options, passphrase: options.passphrase && once(options.passphrase), kept };
  const draft = join(dirname(dir), `.${basename(dir)}.${randomBytes(6).toString('hex')}`);
  await mkdir(draft, { recursive: true, mode: 0o755 });
  let made = draft;
  try {
    const keys = await (options.restore ? fillRestored(draft, asked) : fillNew(draft, asked));
    await rename(draft, dir);
    made = dir;
    await syncDirectory(dirname(dir));
    const workspace = await openWorkspace(dir, asked);
    if (options.restore) await adoptRootKeys(workspace);
    const rootChange = options.restore && (await changeRoot(workspace, (roles) => ({ ...roles, ...keys })));
    return describe(workspace, rootChange);
  } catch (error) {
    // nothing of it has been shown to anybody
    for (const path of [made, ...kept]) await rm(path, { recursive: true, force: true });
    throw error;
  }
}

type RoleKeys = Readonly<Partial<RootRoles>>;

/** With the key files made so far, which are taken away when the rest fails: root keys may lie elsewhere. */
type MakeOptions = CreateWorkspaceOptions & { readonly kept: string[] };

async function fillNew(draft: string, options: MakeOptions): Promise<RoleKeys> {
  const made = await makeKeys(draft, options, ROLES);
  const roles = made.roles as RootRoles;
  const days = options.rootValidityDays ?? DEFAULT_VALIDITY.rootDays;
  const seconds = Math.floor(options.now.getTime() / 1000) + days * 86_400;
  const root = await makeRoot({ version: 1, expires: new Date(seconds * 1000), roles }, made.rootSigners);
  const ledger: Ledger = {
    versions: { root: 1, targets: 0, snapshot: 0, timestamp: 0 },
    sequence: 0,
    releases: [],
    sites: [],
    keys: made.keys,
  };
  await writeWorkspace(draft, options, { ledger, roots: [root] });
  return roles;
}

/** New keys for the catalogue; the root's holders stay who they are. */
async function fillRestored(draft: string, options: MakeOptions): Promise<RoleKeys> {
  const { chain, release } = options.restore as NonNullable<CreateWorkspaceOptions['restore']>;
  const made = await makeKeys(draft, options, ['targets', 'snapshot', 'timestamp']);
  const { ledger, targets } = restoredLedger(chain, { product: options.product, release, keys: made.keys });
  await writeWorkspace(draft, options, { ledger, roots: chain.roots });
  for (const { path, bytes } of targets) await writeTarget(workspacePaths(draft), path, bytes);
  return made.roles;
}

async function writeWorkspace(
  draft: string,
  options: CreateWorkspaceOptions,
  { ledger, roots }: { readonly ledger: Ledger; readonly roots: readonly Uint8Array[] },
): Promise<void> {
  const paths = workspacePaths(draft);
  for (const folder of [paths.tuf, paths.blobs, paths.exports]) await mkdir(folder, { recursive: true });
  for (const [at, root] of roots.entries()) await writeRoot(paths, at + 1, root);
  await writeLedger(paths, ledger);
  await writeSettings(paths, {
    product: options.product,
    validity: {
      catalogueDays: options.validityDays ?? DEFAULT_VALIDITY.catalogueDays,
      rootDays: options.rootValidityDays ?? DEFAULT_VALIDITY.rootDays,
    },
    ...(options.rootKeysDir !== undefined && { rootKeysDir: resolve(options.rootKeysDir) }),
  });
}

async function makeKeys(draft: string, options: MakeOptions, roles: readonly Role[]) {
  const keys: LedgerKey[] = [];
  const rootSigners: Signer[] = [];
  const made: Partial<Record<Role, { keys: PublicKey[]; threshold: number }>> = {};
  for (const role of roles) {
    const { threshold, holders } = options.thresholds?.[role] ?? { threshold: 1, holders: 1 };
    const holdersKeys: PublicKey[] = [];
    for (let at = 0; at < holders; at += 1) {
      const { key, privatePEM } = generateKey();
      const folder =
        role === 'root' && options.rootKeysDir !== undefined ? options.rootKeysDir : workspacePaths(draft).keys;
      const file = await saveKey(folder, { role, privatePEM }, options);
      options.kept.push(join(folder, file));
      keys.push({ keyID: key.keyID, role, file });
      holdersKeys.push(key);
      if (role === 'root') rootSigners.push(pemSigner(privatePEM));
    }
    made[role] = { keys: holdersKeys, threshold };
  }
  return { keys, rootSigners, roles: made as RoleKeys };
}

async function describe(workspace: Workspace, rootChange: RootChange | undefined): Promise<CreatedWorkspace> {
  const { dir, product, paths } = workspace;
  const root = await readFileBounded(paths.root, { max: MAX_ROOT_BYTES });
  const named = { workspace, dir, product, rootPath: paths.root, fingerprint: fingerprint(root) };
  return rootChange === undefined ? named : { ...named, rootChange };
}

async function checkFree(dir: string): Promise<void> {
  try {
    if ((await readdir(dir)).length === 0) return;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    if (!isErrno(error, 'ENOTDIR')) throw error;
  }
  throw new WorkspaceError(`make workspace: expected an empty folder or none, got ${dir} with something in it`, {
    code: 'WORKSPACE_EXISTS',
    facts: { path: dir },
  });
}

function checkOptions({ product, thresholds = {}, validityDays = 1, rootValidityDays = 1 }: CreateWorkspaceOptions) {
  if (!PRODUCT.test(product)) throw new TypeError(`product: expected 2 to 32 of a-z, 0-9 and "-", got ${product}`);
  if (!isDays(validityDays) || !isDays(rootValidityDays)) throw new TypeError('validity: expected 1 to 36500 days');
  for (const { threshold, holders } of Object.values(thresholds)) {
    if (Number.isInteger(threshold) && threshold >= 1 && threshold <= holders && holders <= 20) continue;
    throw new TypeError(`threshold: expected T/N with T from 1 to N and N up to 20, got ${threshold}/${holders}`);
  }
}

/** Whether a folder is the workspace or lies in it; both are absolute. */
export function isWithin(workspace: string, folder: string): boolean {
  const path = relative(workspace, folder);
  return path !== '..' && !path.startsWith('../');
}
