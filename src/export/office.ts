/** What every export stands on: the workspace, the manifest, the folder to write to, and the lock of this manifest. */
import { mkdir, realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Progress } from '../content/index.ts';
import { acquireLock, silentProgress } from '../content/index.ts';
import { digestHex, digestOf } from '../oci/index.ts';
import type { Workspace } from '../workspace/index.ts';
import { openWorkspace } from '../workspace/index.ts';
import type { ExportOptions } from './options.ts';
import { openOut } from './place.ts';
import type { Source } from './source.ts';
import { readSource } from './source.ts';

/** One run at the office. */
export interface Office {
  readonly workspace: Workspace;
  readonly source: Source;
  readonly progress: Progress;
  /** Absolute; it is there. */
  readonly outDir: string;
  /** Names the files of this manifest's runs in `exports/`. */
  readonly stem: string;
}

/**
 * Does something while no other export of this manifest runs.
 * @throws {ContentError} `LOCKED`; {ExportError} `OUT_MISSING`, `PRODUCT_DIFFERS`; {ManifestError}, {WorkspaceError}
 */
export async function atOffice<T>(options: ExportOptions, use: (office: Office) => Promise<T>): Promise<T> {
  const workspace = await openOffice(options);
  const source = await readSource(options, workspace.product);
  const outDir = resolve(options.outDir);
  await openOut(outDir);
  const { exports } = workspace.paths;
  await mkdir(exports, { recursive: true });
  const stem = await stemOf(options.manifestPath);
  const lock = await acquireLock(join(exports, `${stem}.lock`), { what: `the export of ${options.manifestPath}` });
  try {
    return await use({ workspace, source, outDir, stem, progress: options.progress ?? silentProgress });
  } finally {
    await lock.release();
  }
}

async function openOffice({ workspace, passphrase, signerCommand, now, env }: ExportOptions): Promise<Workspace> {
  if (typeof workspace !== 'string') return workspace;
  return openWorkspace(workspace, { passphrase, signerCommand, now, env });
}

/** The manifest's name, and digits of its whole path: two of one name don't meet. */
async function stemOf(manifestPath: string): Promise<string> {
  const path = await realpath(manifestPath);
  const name = basename(path)
    .replace(/\.ya?ml$/, '')
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 64);
  return `${name}-${digestHex(digestOf(Buffer.from(path))).slice(0, 12)}`;
}
