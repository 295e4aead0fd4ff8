/** Workspaces for tests: in a folder that goes away with the test, keys unsealed unless asked, and a clock that stands. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { CreateWorkspaceOptions, Workspace } from '../../src/workspace/index.ts';
import { createWorkspace } from '../../src/workspace/index.ts';
import { NOW } from './proposals.ts';

/** A folder that is removed when the test is done. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A new workspace of the product `demo`. */
export async function newWorkspace(options: Partial<CreateWorkspaceOptions> = {}): Promise<Workspace> {
  const folder = join(await temporaryFolder(), 'ws');
  return (await createWorkspace(folder, { product: 'demo', now: NOW, ...options })).workspace;
}
