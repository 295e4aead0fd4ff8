/** Certificates as an office sends them to a site: an authority in memory, and the files that bundles carry. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sealFor } from '../../src/seal/index.ts';
import { type Authority, bundlePEM, type Issued, type IssueOptions, makeRoot } from '../support/pki.ts';
import { leakIn, plant } from '../support/secrets.ts';
import { type LabSiteFile, NOW } from './lab.ts';

export const DIR = '/etc/atrium/tls';
export const NAME = 'atrium.test';

/** A day from the lab's now. */
export const inDays = (days: number): Date => new Date(NOW.getTime() + days * 86_400_000);

/** An authority with one below it. */
export interface Office {
  readonly root: Authority;
  readonly intermediate: Authority;
  /** A server's certificate for 90 days from the lab's now; its key is a secret from then on. */
  issue(options?: IssueOptions): Promise<Issued>;
  /** Its chain as an authority sends it, the root at its end. */
  chain(issued: Issued): string;
  /** The chain alone. */
  chainFile(issued: Issued, text?: string): LabSiteFile;
  /** Chain and key in one file, sealed for a site. */
  sealed(issued: Issued, recipient: string, text?: string): Promise<LabSiteFile>;
}

export async function makeOffice(): Promise<Office> {
  const root = await makeRoot();
  const intermediate = await root.intermediate();
  const chain = (issued: Issued) => bundlePEM(issued, intermediate, root);
  return {
    root,
    intermediate,
    issue: async (options = {}) => {
      const issued = await intermediate.issue({
        names: [NAME],
        notBefore: inDays(-10),
        notAfter: inDays(90),
        ...options,
      });
      plant(issued.keyPEM);
      return issued;
    },
    chain,
    chainFile: (issued, text = chain(issued)) => ({ name: 'site.pem', role: 'chain', text }),
    sealed: async (issued, recipient, text = `${chain(issued)}${issued.keyPEM}`) => {
      const bytes = await sealFor(Buffer.from(text), recipient);
      return { name: 'tls.pem.age', role: 'certificate', text: '', bytes, sealed: true, mode: '0600' };
    },
  };
}

export async function fingerprintOf({ certificate }: Issued): Promise<string> {
  return Buffer.from(await certificate.getThumbprint('SHA-256')).toString('hex');
}

/** The secret that stands in a site's folder anywhere but where keys belong. */
export async function leakInState(stateDir: string): Promise<string | undefined> {
  const entries = await readdir(stateDir, { withFileTypes: true, recursive: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || /\/(identity|kept)\//.test(path)) continue;
    const leak = leakIn(await readFile(path, 'utf8'));
    if (leak !== undefined) return `${path}: ${leak}`;
  }
  return undefined;
}
