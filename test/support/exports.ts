/** An office for tests: a registry behind the name `registry.example`, a workspace, a manifest, a folder for bundles. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportOptions, ExportResult } from '../../src/export/index.ts';
import { exportRelease } from '../../src/export/index.ts';
import type { Workspace } from '../../src/workspace/index.ts';
import { NOW } from './proposals.ts';
import { newWorkspace, temporaryFolder } from './workspaces.ts';

/** All that an export needs. */
export interface TestOffice {
  readonly workspace: Workspace;
  readonly out: string;
  readonly manifestPath: string;
  /** Replaces the manifest: lines after product, release and platforms. */
  write(images: readonly string[], more?: string): Promise<void>;
  export(options?: Partial<ExportOptions>): Promise<ExportResult>;
}

/** A new office whose images come from `host`. */
export async function newOffice(host: string): Promise<TestOffice> {
  const folder = await temporaryFolder();
  const workspace = await newWorkspace();
  const out = join(folder, 'out');
  await mkdir(out);
  const manifestPath = join(folder, 'demo.yaml');
  return {
    workspace,
    out,
    manifestPath,
    write: (images, more = '') => writeFile(manifestPath, manifestText(images, more)),
    export: (options = {}) =>
      exportRelease({
        workspace: workspace.dir,
        manifestPath,
        outDir: out,
        mirrors: new Map([['registry.example', host]]),
        now: NOW,
        ...options,
      }),
  };
}

function manifestText(images: readonly string[], more: string): string {
  const names = images.map((image) => `  - registry.example/${image}\n`).join('');
  const head = more.includes('release:') ? '' : 'release: "1"\n';
  return `product: demo\n${head}platforms: [linux/amd64]\nimages:\n${names}${more}`;
}
