/**
 * Which certificate stands after a rollback. It goes back with the release that it came with, and is served again; but
 * one that was renewed since stays, and one that has ended by the site's clock is not brought back while another stands.
 * Chain and key go together or not at all. Looks and changes nothing.
 */

import { dirname } from 'node:path';
import type { Engine } from '../../docker/index.ts';
import type { ReleaseDocument } from '../../manifest/index.ts';
import type { SiteState } from '../../state/index.ts';
import { formatTime } from '../../trust/index.ts';
import type { FolderTree } from '../files/folder.ts';
import { hostPath } from '../files/host-path.ts';
import type { ImportedCertificate } from '../import/result.ts';
import { type Installed, type InstalledFile, keptName } from '../kept/installed.ts';
import { findPolicy } from '../policy.ts';
import { type CertificateFacts, factsIn, findCurrent } from '../tls/current.ts';
import { CHAIN_FILE, KEY_FILE } from '../tls/pair.ts';
import { planServeByAny } from '../tls/serve-any.ts';
import type { ServePlan } from '../tls/serve-plan.ts';
import type { ServingOptions } from '../tls/serving-options.ts';

/** How a certificate that is brought back is put into use. */
export interface ServeAgainOptions extends ServingOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface PairsOptions {
  readonly state: SiteState;
  readonly tree: FolderTree;
  readonly prefix: string;
  /** The site's clock. */
  readonly clock: Date;
  /** What is left, as it stands now. */
  readonly now: Installed;
  /** What is gone back to. */
  readonly before: Installed;
  /** Whether a file of what is left is another one than its import brought. */
  readonly isRenewed: (file: InstalledFile) => boolean;
}

/** The pair of one folder: what becomes of it. */
export interface PairBack {
  /** Absolute, without the prefix. */
  readonly dir: string;
  /** As they are to stand. */
  readonly files: readonly InstalledFile[];
  /** The certificate that comes back; none where the present one stays, or none was there. */
  readonly next?: CertificateFacts;
  readonly current: CertificateFacts | undefined;
  readonly warnings: readonly string[];
}

/** What becomes of each pair. */
export async function pairsBack(options: PairsOptions): Promise<readonly PairBack[]> {
  const { now, before } = options;
  const paired = [...now.files, ...before.files].filter(({ role }) => role === 'chain' || role === 'key');
  const pairs: PairBack[] = [];
  for (const dir of new Set(paired.map(({ path }) => dirname(path)))) pairs.push(await pairBack(dir, options));
  return pairs;
}

async function pairBack(
  dir: string,
  { state, tree, prefix, clock, now, before, isRenewed }: PairsOptions,
): Promise<PairBack> {
  const paths = [`${dir}/${CHAIN_FILE}`, `${dir}/${KEY_FILE}`];
  const of = ({ files }: Installed) => files.filter(({ path }) => paths.includes(path));
  const [present, former] = [of(now), of(before)];
  const current = await findCurrent(tree, dir);
  const stays = (line: string) => ({ dir, files: present, current, warnings: [line] });
  const where = hostPath(prefix, paths[0] ?? dir);
  const isStanding = present.some(({ digest }) => digest !== null);
  const isOther = present.some(({ path, digest }) => former.find((file) => file.path === path)?.digest !== digest);
  if (!isOther) return { dir, files: former, current, warnings: [] };
  if (present.some(isRenewed)) return stays(`${where} was renewed since and stays as it is`);
  const next = await formerFacts(state, before.sequence, { former, where });
  if (next !== undefined && next.notAfter < clock && isStanding) {
    return stays(`${where} stays as it is: the certificate from before has ended on ${formatTime(next.notAfter)}`);
  }
  const isChanged = next !== undefined && next.fingerprint !== current?.fingerprint;
  return { dir, files: former, current, ...(isChanged && { next }), warnings: [] };
}

async function formerFacts(
  state: SiteState,
  sequence: number,
  { former, where }: { readonly former: readonly InstalledFile[]; readonly where: string },
): Promise<CertificateFacts | undefined> {
  const digest = former.find(({ path }) => path.endsWith(`/${CHAIN_FILE}`))?.digest ?? null;
  const bytes = digest === null ? undefined : await state.findReleaseFile(sequence, keptName(digest));
  return bytes && (await factsIn(bytes, where));
}

export interface ServeBackOptions extends ServeAgainOptions {
  readonly state: SiteState;
  readonly engine: Engine;
  readonly prefix: string;
  /** What runs, and what is gone back to. */
  readonly releases: readonly (ReleaseDocument | undefined)[];
}

/** A certificate that comes back. */
export interface CertificateBack {
  readonly facts: CertificateFacts;
  readonly serve: ServePlan;
  /** On this host. */
  readonly dir: string;
}

/** How the one that comes back is put into use; nothing where none does. @throws as `planServe` */
export async function planServeBack(
  pairs: readonly PairBack[],
  { state, reload: reloadCommand, ...about }: ServeBackOptions,
): Promise<CertificateBack | undefined> {
  const pair = pairs.find(({ next }) => next !== undefined);
  if (pair?.next === undefined) return undefined;
  const { next: facts, current, dir } = pair;
  const policy = await findPolicy(state);
  const before = { fingerprint: current?.fingerprint };
  const serve = await planServeByAny({ ...about, reloadCommand, policy, dir, next: facts, before });
  return { facts, serve, dir: hostPath(about.prefix, dir) };
}

/** What is told of it, once it is done. */
export function describeBack(
  back: CertificateBack | undefined,
  serve: { readonly reloaded?: string; readonly served?: string } = {},
): { readonly tls?: ImportedCertificate } {
  if (back === undefined) return {};
  const { names, notBefore, notAfter, issuer, fingerprint } = back.facts;
  return { tls: { dir: back.dir, action: 'installed', names, notBefore, notAfter, issuer, fingerprint, ...serve } };
}
