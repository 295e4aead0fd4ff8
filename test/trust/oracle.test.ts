/**
 * tuf-js' Updater as the oracle: over random histories of a publisher, and chains that were tampered with, it and we
 * must agree on accept or refuse, and on the release that is found. Fresh stores, the real clock and unique keys, since
 * the Updater can't be given a clock and, on purpose, knows neither equivocation nor keys under two IDs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { BaseFetcher, Updater } from 'tuf-js';
import { DownloadHTTPError } from 'tuf-js/dist/error.js';
import { describe, expect, it } from 'vitest';
import type { Chain, Role } from '../../src/trust/index.ts';
import { acceptChain, acceptRelease, pinRoot, readChain, TrustError } from '../../src/trust/index.ts';
import type { PublishedRelease, Publisher } from '../support/publisher.ts';
import { createPublisher, generateP256 } from '../support/publisher.ts';

const BASE = 'https://repository.invalid';

/** Serves an unpacked chain and its releases as a TUF repository with consistent snapshots does. */
class ChainFetcher extends BaseFetcher {
  readonly #files: ReadonlyMap<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    super();
    this.#files = files;
  }

  override async fetch(url: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const bytes = this.#files.get(url.slice(BASE.length + 1));
    if (!bytes) throw new DownloadHTTPError(`no ${url}`, 404);
    return new Blob([new Uint8Array(bytes)]).stream();
  }
}

interface Carried {
  readonly chain: Chain;
  readonly releases: readonly PublishedRelease[];
}

/** The target that the Updater ends up with, or undefined when it refuses. */
async function findByOracle(
  root: Uint8Array,
  { chain, releases }: Carried,
  wanted: PublishedRelease,
): Promise<string | undefined> {
  const dir = mkdtempSync(join(tmpdir(), 'ferry-oracle-'));
  try {
    writeFileSync(join(dir, 'root.json'), root);
    const fetcher = new ChainFetcher(repositoryFiles(chain, releases));
    const updater = new Updater({
      metadataDir: dir,
      metadataBaseUrl: BASE,
      targetDir: dir,
      targetBaseUrl: BASE,
      fetcher,
    });
    await updater.refresh();
    const target = await updater.getTargetInfo(wanted.entry.path);
    if (!target) return 'not listed';
    await updater.downloadTarget(target);
    return target.path;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Our answer to the same question. */
function findByUs(root: Uint8Array, { chain }: Carried, wanted: PublishedRelease): string | undefined {
  try {
    const systemTime = new Date();
    const accepted = acceptChain(pinRoot(root, { confirmed: true }), chain, { systemTime, buildTime: new Date(0) });
    return acceptRelease(accepted, wanted.bytes).path;
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    return error.code === 'RELEASE_NOT_LISTED' ? 'not listed' : undefined;
  }
}

/** `<sha256>.release.json` beside the names of tuf/, whose versions are those that the files themselves claim. */
function repositoryFiles(
  { roots, timestamp, snapshot, targets }: Chain,
  releases: readonly PublishedRelease[],
): Map<string, Uint8Array> {
  const versionOf = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()).signed.version;
  const files = new Map<string, Uint8Array>([['timestamp.json', timestamp]]);
  for (const [index, bytes] of roots.entries()) files.set(`${index + 1}.root.json`, bytes);
  files.set(`${versionOf(snapshot)}.snapshot.json`, snapshot);
  files.set(`${versionOf(targets)}.targets.json`, targets);
  for (const { entry, bytes } of releases) {
    files.set(entry.path.replace(/release\.json$/, `${entry.sha256}.release.json`), bytes);
  }
  return files;
}

type Step =
  | { readonly kind: 'release' }
  | { readonly kind: 'revoke'; readonly which: number }
  | { readonly kind: 'rotate'; readonly roles: readonly Role[] }
  | { readonly kind: 'expired'; readonly role: 'timestamp' | 'snapshot' | 'targets' }
  | { readonly kind: 'thief'; readonly role: 'timestamp' | 'snapshot' | 'targets' };

const part = fc.constantFrom('timestamp' as const, 'snapshot' as const, 'targets' as const);
const anyRole = fc.constantFrom<Role>('root', 'targets', 'snapshot', 'timestamp');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('revoke' as const), which: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('rotate' as const), roles: fc.uniqueArray(anyRole, { minLength: 1 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expired' as const), role: part }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('thief' as const), role: part }) },
);

/** One step of a history; some leave a chain behind that both must refuse. */
async function take(publisher: Publisher, releases: PublishedRelease[], action: Step): Promise<void> {
  switch (action.kind) {
    case 'release':
      releases.push(await publisher.release(`1.${releases.length}.0`));
      return;
    case 'revoke': {
      const victim = releases[action.which % Math.max(releases.length, 1)];
      if (victim) await publisher.revoke(victim);
      return;
    }
    case 'rotate':
      return publisher.rotate(action.roles);
    case 'expired':
      await publisher.publish({ expires: { [action.role]: new Date('2020-01-01T00:00:00Z') } });
      return;
    case 'thief': {
      const honest = publisher.holders[action.role];
      publisher.holders[action.role] = honest.map(() => publisher.newKey());
      await publisher.publish();
      publisher.holders[action.role] = honest;
    }
  }
}

describe("tuf-js' Updater", () => {
  it('agrees with us after every step of random histories, from every root that a site may have pinned', async () => {
    const seen = { found: 0, 'not listed': 0, refused: 0 };
    const history = fc.record({
      steps: fc.array(step, { minLength: 2, maxLength: 8 }),
      threshold: fc.constantFrom(1, 2),
      isP256: fc.boolean(),
      mix: fc.option(part, { freq: 3 }),
      pinned: fc.nat(10),
      asked: fc.nat(10),
    });
    await fc.assert(
      fc.asyncProperty(history, async ({ steps, threshold, isP256, mix, pinned, asked }) => {
        const publisher = await createPublisher({
          now: new Date(),
          sizes: { root: { keys: threshold, threshold }, targets: { keys: threshold + 1, threshold } },
          ...(isP256 && { makeKey: generateP256 }),
        });
        const releases = [await publisher.release('1.0.0')];
        const first = publisher.chain;
        for (const action of steps) {
          await take(publisher, releases, action);
          const { chain } = publisher;
          const carried = { releases, chain: mix ? { ...chain, [mix]: first[mix] } : chain };
          const root = chain.roots[pinned % chain.roots.length] as Uint8Array;
          const wanted = releases[asked % releases.length] as PublishedRelease;
          const ours = findByUs(root, carried, wanted);
          expect(ours).toBe(await findByOracle(root, carried, wanted));
          if (ours === undefined) seen.refused += 1;
          else seen[ours === 'not listed' ? ours : 'found'] += 1;
        }
      }),
      { numRuns: 25 },
    );
    // the histories are worth something only if they end in each of the three ways
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  });

  it('refuses, as we do, a root that too few signed', async () => {
    const publisher = await createPublisher({ now: new Date(), sizes: { root: { keys: 2, threshold: 2 } } });
    const made = await publisher.release('1.0.0');
    const pinned = publisher.root;
    await publisher.newRoot({ signers: publisher.signers('root').slice(1) });
    await publisher.publish();
    const carried = { chain: publisher.chain, releases: [made] };
    expect(() => readChain(publisher.chain)).toThrow(TrustError);
    expect(findByUs(pinned, carried, made)).toBeUndefined();
    expect(await findByOracle(pinned, carried, made)).toBeUndefined();
  });
});
