/** The newest root of a workspace, as a file: what a stick carries and whose fingerprint is on the sheet. */
import type { Session } from './session.ts';

/** Its bytes. @throws {WorkspaceError} `WORKSPACE_NOT_FOUND` */
export async function readOfficeRoot(session: Session, dir: string): Promise<Uint8Array> {
  const { openWorkspace } = await import('../workspace/index.ts');
  const { readFileBounded } = await import('../content/index.ts');
  const { MAX_ROOT_BYTES } = await import('../trust/index.ts');
  const { paths } = await openWorkspace(dir, { now: session.now });
  return readFileBounded(paths.root, { max: MAX_ROOT_BYTES });
}
