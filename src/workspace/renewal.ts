/**
 * Which metadata must be signed anew: what changed, what has less than two thirds of its validity left, what no longer
 * bears the signatures that the root asks for, and whatever lists one of these (FORMAT §2, "Validity").
 */
import { isDeepStrictEqual } from 'node:util';
import type { RoleKeys, RootRoles, Signer, TargetEntry } from '../trust/index.ts';
import { isRenewalDue, makeSnapshot, makeTargets, makeTimestamp, unsignedTargets } from '../trust/index.ts';
import type { StoredCatalogue, StoredPart } from './store.ts';

/** The roles of the catalogue, each listed by the next. */
export type CatalogueRole = 'targets' | 'snapshot' | 'timestamp';

export interface CatalogueNeeds {
  readonly stored: StoredCatalogue | undefined;
  readonly roles: RootRoles;
  /** All that shall be listed. */
  readonly entries: readonly TargetEntry[];
  readonly now: Date;
  readonly validityDays: number;
}

/** The roles to sign, in the order in which they are signed. */
export function neededParts({ stored, roles, entries, now, validityDays }: CatalogueNeeds): readonly CatalogueRole[] {
  const order: readonly CatalogueRole[] = ['targets', 'snapshot', 'timestamp'];
  if (stored === undefined) return order;
  const isStale = (role: CatalogueRole) =>
    isRenewalDue({ expires: stored[role].expires, validityDays, now }) || !isSigned(stored[role], roles[role]);
  const first = isSameList(stored.targets, entries) ? order.findIndex(isStale) : 0;
  return first < 0 ? [] : order.slice(first);
}

export interface SignCatalogueOptions {
  readonly parts: readonly CatalogueRole[];
  /** The numbers, already in the ledger. */
  readonly versions: Readonly<Record<CatalogueRole, number>>;
  readonly signers: Readonly<Partial<Record<CatalogueRole, readonly Signer[]>>>;
}

/** Signs these parts and takes the others as they are stored. */
export async function signCatalogue(
  { stored, entries, now, validityDays }: CatalogueNeeds,
  { parts, versions, signers }: SignCatalogueOptions,
): Promise<Readonly<Record<CatalogueRole, Uint8Array>>> {
  const issued = new Date(Math.floor(now.getTime() / 1000) * 1000);
  const expires = new Date(issued.getTime() + validityDays * 86_400_000);
  const part = async (role: CatalogueRole, make: (version: number) => Promise<Uint8Array>) =>
    parts.includes(role) || stored === undefined
      ? { version: versions[role], bytes: await make(versions[role]) }
      : { version: stored[role].version, bytes: stored[role].bytes };
  const targets = await part('targets', (version) => makeTargets({ version, expires, entries }, signers.targets ?? []));
  const snapshot = await part('snapshot', (version) =>
    makeSnapshot({ version, expires, targets }, signers.snapshot ?? []),
  );
  const timestamp = await part('timestamp', (version) =>
    makeTimestamp({ version, expires, issued, snapshot }, signers.timestamp ?? []),
  );
  return { targets: targets.bytes, snapshot: snapshot.bytes, timestamp: timestamp.bytes };
}

/** Our own signatures were proven when they were made: here it only counts whose they are. */
function isSigned({ signedBy }: StoredPart, { keys, threshold }: RoleKeys): boolean {
  const known = signedBy.filter((keyID) => keys.some((key) => key.keyID === keyID));
  return known.length >= threshold && known.length === signedBy.length;
}

function isSameList({ bytes, version, expires }: StoredPart, entries: readonly TargetEntry[]): boolean {
  const { signed } = JSON.parse(Buffer.from(bytes).toString()) as { signed: { targets: unknown } };
  const wanted = JSON.parse(unsignedTargets({ version, expires, entries }).toString()) as { targets: unknown };
  return isDeepStrictEqual(signed.targets, wanted.targets);
}
