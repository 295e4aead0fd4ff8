/**
 * Sites for tests of the office: each with real keys and a signed card, pinned in a workspace's fleet; and what only the
 * site can do, open what was sealed for it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { siteCardDocument } from '../../src/manifest/index.ts';
import { type AgeIdentity, generateIdentity, openSealed } from '../../src/seal/index.ts';
import { generateKey, keyFingerprint, signEnvelope, siteIDOf } from '../../src/trust/index.ts';
import { addToFleet, type Workspace } from '../../src/workspace/index.ts';

/** A site, whole, as nobody but a test has it. */
export interface TestSite {
  /** The siteID. */
  readonly site: string;
  readonly name: string;
  /** PEM of the key that signs its card. */
  readonly privatePEM: string;
  readonly age: AgeIdentity;
  /** 64 hex digits, for `fleet add --fingerprint`. */
  readonly fingerprint: string;
  /** Its card; with other keys, or another time, where a test wants that. */
  card(more?: object): Buffer;
  /** Opens what was sealed for it. @throws {SealError} `NOT_FOR_US` */
  open(sealed: Uint8Array): Promise<string>;
}

export interface TestSiteOptions {
  /** @default 'plant 1' */
  readonly name?: string;
  /** @default 'demo' */
  readonly product?: string;
}

/** A new site. */
export async function newSite({ name = 'plant 1', product = 'demo' }: TestSiteOptions = {}): Promise<TestSite> {
  const { key, privatePEM } = generateKey();
  const age = await generateIdentity();
  const site = siteIDOf(key);
  const keys = { sign: key.value, age: age.recipient };
  const said = siteCardDocument({ site, name, keys, product, holds: [], issued: '2026-05-01T00:00:00.000Z' });
  return {
    ...{ site, name, privatePEM, age },
    fingerprint: keyFingerprint(key).hex,
    card: (more = {}) => signEnvelope({ ...said, ...more }, privatePEM),
    open: async (sealed) => Buffer.from(await openSealed(sealed, age.identity)).toString(),
  };
}

/** Sites of these names, compared and pinned in the workspace. */
export async function newFleet(
  workspace: Workspace,
  names: readonly string[],
  options: Omit<TestSiteOptions, 'name'> = {},
): Promise<readonly TestSite[]> {
  const sites: TestSite[] = [];
  for (const name of names) {
    const site = await newSite({ ...options, name });
    await addToFleet(workspace, site.card(), { fingerprint: site.fingerprint });
    sites.push(site);
  }
  return sites;
}

/** The card of a site as a file; answers its path. */
export async function writeCard(path: string, site: Pick<TestSite, 'card'>): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, site.card());
  return path;
}

/** The identity of a site as `age -i` takes it; answers its path. */
export async function writeIdentity(folder: string, { site, age }: TestSite): Promise<string> {
  const path = join(folder, `${site}.txt`);
  await writeFile(path, `${age.identity}\n`, { mode: 0o600 });
  return path;
}
