/** The place where steps are made, put together for an import, a rollback or a recovery. */

import { type Progress, silentProgress } from '../../content/index.ts';
import type { Engine } from '../../docker/index.ts';
import { DEFAULT_POLICY } from '../../manifest/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import type { FolderTree } from '../files/folder.ts';
import { findPolicy } from '../policy.ts';
import type { ImportMedium, Site } from '../steps/step.ts';

export interface SiteOptions {
  readonly id: string;
  /** Locked. */
  readonly state: SiteState;
  readonly identity: SiteIdentity;
  readonly engine: Engine | undefined;
  readonly prefix: string;
  readonly tree: FolderTree;
  readonly now: Date;
  readonly began: number;
  readonly isRecovery?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
  readonly medium?: ImportMedium | undefined;
  readonly warn: (line: string) => void;
  readonly tell: Site['tell'];
}

/** A site with its policy read. @throws {ManifestError} when `site.yaml` is wrong */
export async function siteFor({
  isRecovery = false,
  progress = silentProgress,
  ...options
}: SiteOptions): Promise<Site> {
  const { signal, medium } = options;
  // a recovery has all that it needs in the journal: a wrong line in site.yaml must not stop it
  const policy = isRecovery ? DEFAULT_POLICY : await findPolicy(options.state);
  return { ...options, isRecovery, progress, signal, medium, policy, outcome: {} };
}
