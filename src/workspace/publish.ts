/**
 * The catalogue: takes in a change, numbers and signs what is new, and uses the stored bytes again where nothing is
 * (FORMAT §2). Keys are opened before the lock is taken and only when something must be signed; under it the ledger is
 * read, the numbers are written to the disk, then the signing is done: the lock is held as short as that.
 */
import type { Chain, ChainView, RootRoles, Signer } from '../trust/index.ts';
import { acceptChain, formatTime, importableUntil, pinRoot, readChain, rootRoles } from '../trust/index.ts';
import type { CatalogueChange, PlannedChange, PublishedRelease, PublishedSite } from './change.ts';
import { planChange } from './change.ts';
import { WorkspaceError } from './error.ts';
import type { Ledger } from './ledger.ts';
import { readLedger, withLedgerLock, writeLedger } from './ledger.ts';
import type { Workspace } from './open.ts';
import type { CatalogueNeeds, CatalogueRole } from './renewal.ts';
import { neededParts, signCatalogue } from './renewal.ts';
import { roleSigners } from './signers.ts';
import type { StoredCatalogue } from './store.ts';
import { findCatalogue, readRoots, writeCatalogue, writeTarget } from './store.ts';

/** What came of it. */
export interface Published {
  readonly chain: Chain;
  readonly view: ChainView;
  /** The release of the change, when it had one. */
  readonly release?: PublishedRelease;
  /** The site files of the change, in its order. */
  readonly sites: readonly PublishedSite[];
  /** Whether anything was signed; else all bytes are those of before. */
  readonly signed: boolean;
  /** The first end of the four roles. */
  readonly importableUntil: Date;
  readonly warnings: readonly string[];
}

type Signers = Readonly<Partial<Record<CatalogueRole, readonly Signer[]>>>;

/**
 * Brings the catalogue up to date with a change, which may be empty: then it is only signed anew where that is due.
 * @throws {WorkspaceError} `RELEASE_REVOKED`, `LEDGER_BEHIND`, `ROOT_ENDED`, `KEY_MISSING`, `PASSPHRASE_NEEDED`
 * @throws {ContentError} `LOCKED`; {SealError} `WRONG_PASSPHRASE`; {TrustError} `SIGNER_FAILED`
 */
export async function publish(workspace: Workspace, change: CatalogueChange = {}): Promise<Published> {
  let signers: Signers = {};
  for (;;) {
    const held = signers;
    const done = await withLedgerLock(workspace.paths, () => attempt(workspace, change, held));
    if (!('missing' in done)) return done;
    signers = await openSigners(workspace, done);
  }
}

interface Missing {
  readonly missing: readonly CatalogueRole[];
  readonly ledger: Ledger;
  readonly roles: RootRoles;
}

/** Under the lock. Answers with what is missing when keys must be opened first: scrypt and people are slow. */
async function attempt(workspace: Workspace, change: CatalogueChange, signers: Signers): Promise<Published | Missing> {
  const { paths, options, settings } = workspace;
  const ledger = await readLedger(paths);
  const roots = await readRoots(paths);
  const root = rootRoles(roots.at(-1) as Uint8Array);
  checkRoot(root.expires, options.now);
  const stored = await findCatalogue(paths);
  checkLedger(ledger, stored);
  const planned = await planChange(workspace, { ledger, change });
  const needs: CatalogueNeeds = {
    stored,
    roles: root.roles,
    entries: planned.entries,
    now: options.now,
    validityDays: settings.validity.catalogueDays,
  };
  const parts = neededParts(needs);
  const missing = parts.filter((role) => !isEnough(signers[role], root.roles[role]));
  if (missing.length > 0) return { missing: parts, ledger, roles: root.roles };
  const { ledger: numbered, catalogue } = await store(workspace, { planned, parts, needs, signers });
  const chain = { roots, ...catalogue };
  const view = selfVerify(chain, { now: options.now, product: workspace.product });
  if (parts.length > 0) await writeCatalogue(paths, chain);
  return {
    chain,
    view,
    ...planned.published(numbered),
    signed: parts.length > 0,
    importableUntil: importableUntil(chain),
    warnings: rootWarnings(root.expires, view),
  };
}

interface StoreOptions {
  readonly planned: PlannedChange;
  readonly parts: readonly CatalogueRole[];
  readonly needs: CatalogueNeeds;
  readonly signers: Signers;
}

/** First the targets' bytes, then the numbers, then what carries them. */
async function store(workspace: Workspace, { planned, parts, needs, signers }: StoreOptions) {
  for (const { path, bytes } of planned.files) await writeTarget(workspace.paths, path, bytes);
  const { ledger } = planned;
  const versions = { ...ledger.versions };
  for (const role of parts) versions[role] += 1;
  const numbered = { ...ledger, versions };
  if (parts.length > 0 || planned.isChanged) await writeLedger(workspace.paths, numbered);
  return { ledger: numbered, catalogue: await signCatalogue(needs, { parts, versions, signers }) };
}

async function openSigners(workspace: Workspace, { missing, ledger, roles }: Missing): Promise<Signers> {
  const opened: Partial<Record<CatalogueRole, readonly Signer[]>> = {};
  for (const role of missing) opened[role] = await roleSigners(workspace, { ledger, role, keys: roles[role] });
  return opened;
}

/** The keys may have been changed while ours were opened. */
function isEnough(signers: readonly Signer[] | undefined, { keys, threshold }: RootRoles['targets']): boolean {
  const ours = (signers ?? []).filter(({ key }) => keys.some(({ keyID }) => keyID === key.keyID));
  return ours.length >= threshold && ours.length === signers?.length;
}

/** What a site that trusts the first root would say: before anything of it is used. */
function selfVerify(chain: Chain, { now, product }: { now: Date; product: string }): ChainView {
  const site = pinRoot(chain.roots[0] as Uint8Array, { confirmed: true });
  acceptChain(site, chain, { systemTime: now, buildTime: new Date(0), product });
  return readChain(chain);
}

function checkRoot(expires: Date, now: Date): void {
  if (expires > now) return;
  throw new WorkspaceError(`sign catalogue: expected a root that is valid, got one that ended ${formatTime(expires)}`, {
    code: 'ROOT_ENDED',
    facts: { expires: formatTime(expires) },
  });
}

function checkLedger({ versions }: Ledger, stored: StoredCatalogue | undefined): void {
  for (const role of ['targets', 'snapshot', 'timestamp'] as const) {
    const version = stored?.[role].version ?? 0;
    if (version <= versions[role]) continue;
    throw new WorkspaceError(`sign ${role}: expected the ledger at ${version} or later, got ${versions[role]}`, {
      code: 'LEDGER_BEHIND',
      facts: { role, version, ledger: versions[role] },
    });
  }
}

/** From here on every catalogue ends with the root, not with its own validity. */
function rootWarnings(expires: Date, view: ChainView): readonly string[] {
  if (expires > view.timestamp.expires) return [];
  return [`the root ends ${formatTime(expires)}, before the catalogue would; make a new one: ferry keys rotate root`];
}
