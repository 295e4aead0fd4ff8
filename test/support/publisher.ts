/**
 * A publisher in memory: keys, roots and catalogues as an office makes them, and the means to make wrong ones. Its clock
 * is a field; each change publishes a new catalogue. Nothing touches a disk. Keys are new for every publisher.
 */
import { generateKeyPairSync } from 'node:crypto';
import { canonicalJSON } from '../../src/content/index.ts';
import type { Chain, PublicKey, Role, RootRoles, Signer, SiteTrust, TargetEntry } from '../../src/trust/index.ts';
import {
  formatTime,
  generateKey,
  makeRoot,
  makeSnapshot,
  makeTargets,
  makeTimestamp,
  pemSigner,
  pinRoot,
  publicKeyOf,
  releaseTarget,
  signMetadata,
  siteFilesTarget,
} from '../../src/trust/index.ts';

const DAY = 86_400_000;
export const ROLE_NAMES: readonly Role[] = ['root', 'targets', 'snapshot', 'timestamp'];

/** A key with its private half. */
export interface HeldKey {
  readonly key: PublicKey;
  readonly privatePEM: string;
}

/** How many keys a role has and how many of them must sign. */
export interface RoleSize {
  readonly keys: number;
  readonly threshold: number;
}

export interface PublisherOptions {
  /** @default 'atrium' */
  readonly product?: string;
  /** @default 2026-06-01 */
  readonly now?: Date;
  /** @default one key each */
  readonly sizes?: Partial<Record<Role, RoleSize>>;
  /** Days that a catalogue is valid. @default 400 */
  readonly validityDays?: number;
  /** Days that a root is valid. @default 1100 */
  readonly rootValidityDays?: number;
  /** Makes the keys. @default Ed25519 */
  readonly makeKey?: () => HeldKey;
}

/** A release that was published: its document and its place in the catalogue. */
export interface PublishedRelease {
  readonly release: string;
  readonly sequence: number;
  /** release.json */
  readonly bytes: Buffer;
  readonly entry: TargetEntry;
}

/** What a catalogue is made with where it should differ from the honest one. */
export interface CatalogueOverrides {
  readonly version?: Partial<Record<'timestamp' | 'snapshot' | 'targets', number>>;
  readonly expires?: Partial<Record<'timestamp' | 'snapshot' | 'targets', Date>>;
  readonly issued?: Date;
}

/** Makes a publisher with root 1 and an empty catalogue 1. */
export async function createPublisher(options: PublisherOptions = {}): Promise<Publisher> {
  const publisher = new Publisher(options);
  await publisher.newRoot();
  await publisher.publish();
  return publisher;
}

/** A new P-256 key, as tokens and HSMs have. */
export function generateP256(): HeldKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privatePEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key: publicKeyOf(privatePEM), privatePEM };
}

export class Publisher {
  readonly product: string;
  readonly roots: Buffer[] = [];
  readonly entries: TargetEntry[] = [];
  readonly holders: Record<Role, HeldKey[]>;
  readonly thresholds: Record<Role, number>;
  readonly versions = { targets: 0, snapshot: 0, timestamp: 0 };
  /** The office's clock; move it as a test likes. */
  now: Date;
  #sequence = 0;
  #catalogue: Omit<Chain, 'roots'> | undefined;
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.product = options.product ?? 'atrium';
    this.now = options.now ?? new Date('2026-06-01T00:00:00Z');
    const size = (role: Role) => options.sizes?.[role] ?? { keys: 1, threshold: 1 };
    this.holders = perRole((role) => Array.from({ length: size(role).keys }, () => this.newKey()));
    this.thresholds = perRole((role) => size(role).threshold);
  }

  /** The chain as it would be carried now. */
  get chain(): Chain {
    if (!this.#catalogue) throw new Error('nothing was published yet');
    return { roots: [...this.roots], ...this.#catalogue };
  }

  /** The newest root file. */
  get root(): Buffer {
    return this.roots.at(-1) as Buffer;
  }

  newKey(): HeldKey {
    return (this.#options.makeKey ?? generateKey)();
  }

  /** A site that trusts the newest root and knows nothing else. */
  site(): SiteTrust {
    return pinRoot(this.root, { confirmed: true });
  }

  signers(role: Role): Signer[] {
    return this.holders[role].map(({ privatePEM }) => pemSigner(privatePEM));
  }

  /** Any signed value under a role's keys: for files that no honest office makes. */
  async sign(role: Role, signed: unknown): Promise<Buffer> {
    return signMetadata(canonicalJSON(signed), this.signers(role));
  }

  /** The next root, signed by the holders of the last one and its own. Change `holders` and `thresholds` through `rotate`. */
  async newRoot(options: { readonly expires?: Date; readonly signers?: readonly Signer[] } = {}): Promise<Buffer> {
    const expires = options.expires ?? this.#after(this.#options.rootValidityDays ?? 1100);
    const roles: RootRoles = perRole((role) => ({
      keys: this.holders[role].map(({ key }) => key),
      threshold: this.thresholds[role],
    }));
    const signers = options.signers ?? this.signers('root');
    const root = await makeRoot({ version: this.roots.length + 1, expires, roles }, signers);
    this.roots.push(root);
    return root;
  }

  /** New keys for some roles, a root that names them, and a catalogue under it. */
  async rotate(roles: readonly Role[]): Promise<void> {
    const former = this.signers('root');
    for (const role of roles) this.holders[role] = this.holders[role].map(() => this.newKey());
    await this.newRoot({ signers: roles.includes('root') ? [...former, ...this.signers('root')] : former });
    await this.publish();
  }

  /** Adds a release and publishes. `bytes` stands in for release.json; it must hold product, release and sequence. */
  async release(release: string, fields: Readonly<Record<string, unknown>> = {}): Promise<PublishedRelease> {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const issued = formatTime(this.now);
    const { product } = this;
    const bytes = canonicalJSON({ format: 1, minFerry: '0.1.0', product, release, sequence, issued, ...fields });
    return this.addRelease({ release, sequence, bytes });
  }

  /** Adds a release whose document was made elsewhere, and publishes. */
  async addRelease(made: { release: string; sequence: number; bytes: Buffer }): Promise<PublishedRelease> {
    this.#sequence = Math.max(this.#sequence, made.sequence);
    const content = String(made.sequence).padStart(64, '0');
    const entry = releaseTarget({ ...made, product: this.product, content, issued: formatTime(this.now) });
    this.entries.push(entry);
    await this.publish();
    return { ...made, entry };
  }

  /** Adds, or replaces, the files of a site, and publishes; the bytes of site-files.json. */
  async siteFiles(site: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Buffer> {
    const issued = formatTime(this.now);
    const { product } = this;
    const bytes = canonicalJSON({ format: 1, minFerry: '0.1.0', product, site, issued, files: [], ...fields });
    const entry = siteFilesTarget({ product, site, issued, bytes });
    this.#remove(({ path }) => path === entry.path);
    this.entries.push(entry);
    await this.publish();
    return bytes;
  }

  /** Takes a release from the catalogue, and publishes. */
  async revoke({ entry }: PublishedRelease): Promise<void> {
    this.#remove(({ path }) => path === entry.path);
    await this.publish();
  }

  /** A new catalogue under the newest root, with the next numbers or those given. */
  async publish({ version = {}, expires = {}, issued = this.now }: CatalogueOverrides = {}): Promise<Chain> {
    const number = (role: 'timestamp' | 'snapshot' | 'targets') => {
      this.versions[role] = version[role] ?? this.versions[role] + 1;
      return { version: this.versions[role], expires: expires[role] ?? this.#after(this.#options.validityDays ?? 400) };
    };
    const targetsPart = number('targets');
    const targets = await makeTargets({ ...targetsPart, entries: this.entries }, this.signers('targets'));
    const listed = { version: targetsPart.version, bytes: targets };
    const snapshotPart = number('snapshot');
    const snapshot = await makeSnapshot({ ...snapshotPart, targets: listed }, this.signers('snapshot'));
    const below = { version: snapshotPart.version, bytes: snapshot };
    const timestamp = await makeTimestamp(
      { ...number('timestamp'), issued, snapshot: below },
      this.signers('timestamp'),
    );
    this.#catalogue = { timestamp, snapshot, targets };
    return this.chain;
  }

  #after(days: number): Date {
    return new Date(this.now.getTime() + days * DAY);
  }

  #remove(isGone: (entry: TargetEntry) => boolean): void {
    const kept = this.entries.filter((entry) => !isGone(entry));
    this.entries.splice(0, this.entries.length, ...kept);
  }
}

function perRole<T>(make: (role: Role) => T): Record<Role, T> {
  const [root, targets, snapshot, timestamp] = [make('root'), make('targets'), make('snapshot'), make('timestamp')];
  return { root, targets, snapshot, timestamp };
}
