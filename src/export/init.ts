/** `ferry init`: a new workspace, or one that goes on from what a bundle of a lost one carries. */
import { openBundle } from '../bundle/index.ts';
import type { CreatedWorkspace, CreateWorkspaceOptions } from '../workspace/index.ts';
import { createWorkspace } from '../workspace/index.ts';

export interface InitWorkspaceOptions extends Omit<CreateWorkspaceOptions, 'restore'> {
  /** The newest bundle of the lost workspace that was found. */
  readonly restoreFrom?: string | undefined;
}

/** Makes a workspace. @throws all that `createWorkspace` and `openBundle` throw */
export async function initWorkspace(
  directory: string,
  { restoreFrom, ...options }: InitWorkspaceOptions,
): Promise<CreatedWorkspace> {
  if (restoreFrom === undefined) return createWorkspace(directory, options);
  const bundle = await openBundle(restoreFrom);
  try {
    const { chain, releaseBytes } = bundle;
    return await createWorkspace(directory, {
      ...options,
      restore: { chain, ...(releaseBytes && { release: releaseBytes }) },
    });
  } finally {
    await bundle.close();
  }
}
