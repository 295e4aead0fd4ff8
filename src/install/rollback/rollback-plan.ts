/**
 * What a rollback would do: which release was installed before, may it come back, is all of it still here, and what of
 * names and files differs from it. Site files that were renewed since stay: a licence does not go back with the code.
 */

import { join } from 'node:path';
import type { Engine } from '../../docker/index.ts';
import { parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import type { Digest } from '../../oci/index.ts';
import { findSiteIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import { showRelease } from '../../trust/index.ts';
import { OVERRIDE } from '../activation/compose.ts';
import { InstallError } from '../error.ts';
import type { FolderTree } from '../files/folder.ts';
import { hostPath } from '../files/host-path.ts';
import { readKnownSite } from '../judge/judge.ts';
import { isListed } from '../judge/stored-catalogue.ts';
import { findInstalled, type Installed, type InstalledFile } from '../kept/installed.ts';
import { planLeaving } from '../kept/leaving.ts';
import { findPrevious } from '../kept/retention.ts';
import { openReceipt } from '../records/signed-receipt.ts';
import type { LeaveData } from '../steps/leave.ts';
import { type CertificateBack, pairsBack, planServeBack, type ServeAgainOptions } from './certificate.ts';

/** A release by its names; sequence 0 and empty texts for what was here before the first import. */
export interface NamedRelease {
  readonly product: string;
  readonly release: string;
  /** As people see it. */
  readonly shown: string;
  readonly sequence: number;
  /** None of sequence 0. */
  readonly document?: ReleaseDocument;
}

/** All that is known before the first change. */
export interface RollbackPlan {
  /** `roll back atrium 2.1.0 (sequence 7) to 2.0.0 (sequence 6)`. */
  readonly title: string;
  readonly from: NamedRelease;
  readonly target: NamedRelease;
  readonly leaving: LeaveData;
  /** Which image has each name now. */
  readonly standing: ReadonlyMap<string, Digest | null>;
  /** As it is to be. */
  readonly installed: Installed;
  readonly isRevoked: boolean;
  /** Path of its override for compose, where there is one. */
  readonly override?: string;
  /** The certificate that comes back. */
  readonly certificate?: CertificateBack;
  readonly warnings: readonly string[];
}

export interface RollbackPlanOptions {
  readonly state: SiteState;
  readonly engine: Engine;
  readonly tree: FolderTree;
  readonly prefix: string;
  readonly allowRevoked: boolean;
  /** The site's clock. */
  readonly clock: Date;
  /** How a certificate that comes back is put into use. */
  readonly serve: ServeAgainOptions;
}

/** Looks at everything and changes nothing. @throws {InstallError} `NOTHING_BEFORE`, `ENGINE_OTHER`, `IMAGE_GONE`, `PREVIOUS_REVOKED` */
export async function planRollback(options: RollbackPlanOptions): Promise<RollbackPlan> {
  const { state, engine, tree, prefix, allowRevoked } = options;
  const current = await state.findCurrentSequence();
  const previous = current === undefined ? undefined : await findPrevious(state, current);
  const before = await findInstalled(state, previous);
  if (current === undefined || previous === undefined || before === undefined) throw nothingBefore(current);
  await refuseOtherEngine(state, engine, current);
  const [from, target] = [await nameOf(state, current), await nameOf(state, previous)];
  const isRevoked = await isRevokedHere(state, previous);
  if (isRevoked && !allowRevoked) throw previousRevoked(target);
  await refuseMissing(engine, before, target);
  const names = before.tags.map(({ name }) => name);
  const leaving = await planLeaving({ state, engine, tree, sequence: current, names, files: before.files });
  const standing = new Map<string, Digest | null>();
  for (const name of names) standing.set(name, (await engine.findTag(name)) ?? null);
  const isRenewed = await renewedSince(state, { prefix, now: leaving.after, previous });
  const pairs = await pairsBack({ state, tree, prefix, clock: options.clock, now: leaving.after, before, isRenewed });
  const paired = pairs.flatMap(({ files }) => files);
  const isPaired = ({ path }: InstalledFile) => paired.some((file) => file.path === path);
  const renewed = leaving.after.files.filter((file) => !isPaired(file) && isRenewed(file) && isOther(file, before));
  const settled = [...renewed, ...paired];
  const settledPaths = new Set(settled.map(({ path }) => path));
  const files = [...before.files.filter(({ path }) => !settledPaths.has(path)), ...settled];
  const releases = [from.document, target.document];
  const certificate = await planServeBack(pairs, { ...options.serve, state, engine, prefix, releases });
  return {
    title: `roll back ${from.product || target.product} ${labelOf(from)} to ${labelOf(target)}`,
    from,
    target,
    leaving,
    standing,
    installed: { ...before, files },
    isRevoked,
    ...((await state.findReleaseFile(previous, OVERRIDE)) && {
      override: join(state.dir, 'releases', String(previous), OVERRIDE),
    }),
    ...(certificate && { certificate }),
    warnings: [
      ...renewed.map(({ path }) => `${path} was renewed since and stays as it is`),
      ...pairs.flatMap((pair) => pair.warnings),
      ...(certificate?.serve.warnings ?? []),
      ...dataWarnings(from),
    ],
  };
}

async function nameOf(state: SiteState, sequence: number): Promise<NamedRelease> {
  if (sequence === 0) return { product: '', release: '', shown: '', sequence };
  const document = parseReleaseDocument((await state.readRelease(sequence)).document);
  const { releases } = await readKnownSite(state);
  const { product, release } = document;
  return { product, release, shown: showRelease({ release, sequence }, releases), sequence, document };
}

/** A release in words. */
export function labelOf({ shown, sequence }: NamedRelease): string {
  return sequence === 0 ? 'what was here before ferry' : `${shown} (sequence ${sequence})`;
}

async function isRevokedHere(state: SiteState, sequence: number): Promise<boolean> {
  const trust = await state.findTrust();
  if (sequence === 0 || trust?.chain === undefined) return false;
  return !isListed(trust.chain.targets, (await state.readRelease(sequence)).document);
}

/** Of another engine nothing would be true that is written down of names. Podman has no ID. */
async function refuseOtherEngine(state: SiteState, { facts }: Engine, current: number): Promise<void> {
  const identity = await findSiteIdentity(state);
  const receipt = await state.findReleaseFile(current, 'receipt.json');
  const used = identity && receipt && openReceipt(receipt, identity).engine;
  if (used === undefined || used.id === facts.id) return;
  throw new InstallError(
    `roll back: expected the engine of the installed release, ${used.id} at ${used.socket}, got ${facts.id} at ${facts.socket}`,
    {
      code: 'ENGINE_OTHER',
      hint: 'set DOCKER_HOST to the engine that was used then; where that is gone for good, import the release that is wanted',
      facts: { expected: used.socket, got: facts.socket },
    },
  );
}

async function refuseMissing(engine: Engine, { tags }: Installed, target: NamedRelease): Promise<void> {
  const { images } = await engine.inventory();
  const held = new Set<string>(images.map(({ id }) => id));
  const gone = tags.find(({ imageID }) => imageID !== null && !held.has(imageID));
  if (gone === undefined) return;
  throw new InstallError(
    `roll back to ${labelOf(target)}: expected ${gone.name} (${gone.imageID}) in the engine, got an engine without it`,
    { code: 'IMAGE_GONE', facts: { image: gone.name, imageID: gone.imageID } },
  );
}

/**
 * Which files of this site an overlay has changed: after the import of what is installed now, or beside it, where what is
 * gone back to is not the time before ferry. A certificate goes back also when it came beside.
 */
async function renewedSince(
  state: SiteState,
  { prefix, now, previous }: { readonly prefix: string; readonly now: Installed; readonly previous: number },
): Promise<(file: InstalledFile) => boolean> {
  const identity = await findSiteIdentity(state);
  const receipt = await state.findReleaseFile(now.sequence, 'receipt.json');
  if (identity === undefined || receipt === undefined) return () => false;
  const { files, overlay } = openReceipt(receipt, identity);
  const isBeside = overlay !== undefined && previous !== 0;
  const imported = new Map(files.map(({ path, digest }) => [path, digest]));
  return ({ from, path, digest, role }) => {
    const isOfPair = role === 'chain' || role === 'key';
    // a certificate that somebody renewed by hand is renewed too
    if (digest === null || (from !== 'site' && !(isOfPair && from === 'kept'))) return false;
    return (isBeside && !isOfPair) || imported.get(hostPath(prefix, path)) !== digest;
  };
}

/** Whether the release to go back to knows another file there, or none: it stays, and is that release's from then on. */
function isOther({ path, digest }: InstalledFile, { files }: Installed): boolean {
  return !files.some((file) => file.path === path && file.digest === digest);
}

function dataWarnings({ document, shown }: NamedRelease): readonly string[] {
  if (document === undefined || document.dataRollback === 'safe') return [];
  return [
    `if ${shown} has run, its data may have moved on: restore the backup from before it, then start the old containers`,
  ];
}

/** The error for a site that has no way back. */
export function nothingBefore(current: number | undefined): InstallError {
  const got = current === undefined ? 'a site where nothing was installed' : 'none that is kept here';
  return new InstallError(`roll back: expected a release that was installed before, got ${got}`, {
    code: 'NOTHING_BEFORE',
  });
}

function previousRevoked(target: NamedRelease): InstallError {
  return new InstallError(`roll back to ${labelOf(target)}: expected a release of the catalogue, got a revoked one`, {
    code: 'PREVIOUS_REVOKED',
    facts: { release: target.shown, sequence: target.sequence },
  });
}
