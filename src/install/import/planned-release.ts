/** The plan of a release's import: what it is, and what was found on this host. */

import type { ReleaseDocument } from '../../manifest/index.ts';
import type { StoredRelease } from '../../state/index.ts';
import type { AcceptedRelease } from '../../trust/index.ts';
import type { ActivationSteps } from '../activation/activation.ts';
import type { FerryPlan } from '../executable/plan.ts';
import type { FilePlan } from '../files/file-plan.ts';
import type { CertificatePlan } from './certificate.ts';
import type { EnginePlan } from './image-plan.ts';
import type { JudgedLicenses } from './license-findings.ts';
import type { SiteFilesHere } from './site-files.ts';
import type { SpacePlace } from './space.ts';

/** All that is known before the first change. */
export interface ReleasePlan {
  readonly release: ReleaseDocument;
  readonly document: Buffer;
  readonly listed: AcceptedRelease;
  readonly current: StoredRelease | undefined;
  readonly engine: EnginePlan;
  readonly files: FilePlan;
  /** The files of this site in the clear, by entry. */
  readonly opened: SiteFilesHere['opened'];
  /** Whether a licence or the certificate among them takes the place of one that lasts longer: somebody has allowed it. */
  readonly isShorter: boolean;
  /** What those say that are to be installed, by path. */
  readonly licenses: JudgedLicenses['licenses'];
  /** The certificate among them. */
  readonly certificate: CertificatePlan | undefined;
  /** Path of the overlay that some of them are of. */
  readonly overlay?: string | undefined;
  /** What becomes of ferry itself. */
  readonly ferry: FerryPlan;
  readonly override: string | undefined;
  /** How it is run, where that was asked for. */
  readonly activation: ActivationSteps | undefined;
  readonly space: readonly SpacePlace[];
  readonly warnings: readonly string[];
}
