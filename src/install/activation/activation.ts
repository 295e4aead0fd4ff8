/**
 * The plan of an activation: what is to be run, what runs now, and the steps for it. All that can be known before the
 * first change is refused here. Looks and changes nothing. DESIGN "Command line", `import --activate`.
 */

import { shellLine } from '../../content/index.ts';
import type { Engine } from '../../docker/index.ts';
import { parseComposeServices, type ReleaseDocument, type SitePolicy } from '../../manifest/index.ts';
import { InstallError } from '../error.ts';
import type { PlannedFile } from '../files/file-plan.ts';
import { type ActivateData, activate } from '../steps/activate.ts';
import { backup } from '../steps/backup.ts';
import { containers } from '../steps/containers.ts';
import type { Step } from '../steps/step.ts';
import { activationCommand } from './compose.ts';
import { containersBefore } from './containers-before.ts';

export interface ActivationOptions {
  readonly release: ReleaseDocument;
  /** The bytes of its compose file. */
  readonly compose: Uint8Array;
  /** Where that file and its override will be, on this host. */
  readonly files: readonly string[];
  /** All files that are installed. */
  readonly planned: readonly PlannedFile[];
  readonly policy: SitePolicy;
  readonly engine: Engine;
  /**
   * The release that is left for this one, sequence 0 before the first import, and how it is brought up. None where
   * this very release is installed already: then nothing goes back.
   */
  readonly left?:
    | { readonly sequence: number; readonly release: string; readonly files: readonly string[] | undefined }
    | undefined;
  /** Whether a rollback would find a release that is kept; what was here before ferry counts where it ran. */
  readonly hasPrevious: boolean;
  /** @default 5000 */
  readonly settleMs?: number | undefined;
}

/** The steps of an activation, each with its place in an import. */
export interface ActivationSteps {
  /** After the images are in. */
  readonly backup?: Step;
  /** Before names move. */
  readonly containers?: Step;
  /** Last. */
  readonly activate: Step<ActivateData>;
}

const TIMEOUT_SECONDS = 120;
const SETTLE_MS = 5000;

/**
 * What stands in the way of running a release, before anything is changed.
 * @throws {InstallError} `NOTHING_TO_ACTIVATE`, `BACKUP_MISSING`; {DockerError} `COMPOSE_MISSING`, `COMPOSE_UNSUPPORTED`
 */
export async function checkActivation(
  { release, compose, dataRollback }: Pick<ReleaseDocument, 'release' | 'compose' | 'dataRollback'>,
  { policy, engine }: Pick<ActivationOptions, 'policy' | 'engine'>,
): Promise<void> {
  if (compose === undefined) throw nothingToActivate(`release ${release}: expected a compose project, got none`);
  if (dataRollback === 'restore' && policy.backup === undefined) {
    throw new InstallError(`run release ${release}: expected the command \`backup\` in site.yaml, got none`, {
      code: 'BACKUP_MISSING',
    });
  }
  await engine.findCompose();
}

/** For what has nothing that could run. */
export function nothingToActivate(why: string): InstallError {
  return new InstallError(`run ${why}`, { code: 'NOTHING_TO_ACTIVATE' });
}

/** Plans the steps. @throws as {@link checkActivation}; {ManifestError} `MANIFEST_YAML` for the compose file */
export async function planActivation(options: ActivationOptions): Promise<ActivationSteps> {
  const { release, policy, engine, left, hasPrevious } = options;
  await checkActivation(release, options);
  const rule = release.dataRollback ?? 'none';
  const about = { product: release.product, release: release.release, sequence: release.sequence };
  const steps = {
    ...(rule === 'restore' && policy.backup && { backup: backup({ words: policy.backup, ...about }) }),
  };
  if (left === undefined) return { ...steps, activate: activateStepOf(options, hasPrevious) };
  const project = release.compose?.project ?? '';
  const restore = rule === 'restore' && policy.restore ? { words: policy.restore, ...about } : null;
  const before = await containersBefore(await engine.containers(), project, left.files ?? options.files);
  const { sequence, release: name } = left;
  const mounted = options.planned.filter(({ action }) => action === 'installed').map(mountedBefore);
  const canGoBack = hasPrevious && (sequence !== 0 || before.running.length > 0);
  return {
    ...steps,
    activate: activateStepOf(options, canGoBack),
    containers: containers({ project, rule, restore, left: { sequence, release: name }, before, mounted }),
  };
}

function activateStepOf(
  { release, compose, files, planned, left, settleMs = SETTLE_MS }: ActivationOptions,
  canGoBack: boolean,
): Step<ActivateData> {
  const { project = '', health } = release.compose ?? {};
  const rule = release.dataRollback ?? 'none';
  const goesBack = left !== undefined && rule !== 'none';
  return activate({
    sequence: release.sequence,
    release: release.release,
    project,
    files,
    services: parseComposeServices(compose),
    awaited: health?.services ?? null,
    timeoutSeconds: health?.timeoutSeconds ?? TIMEOUT_SECONDS,
    settleMs,
    mounted: planned.map(({ file, found, action }) => ({
      path: file.path,
      digest: action === 'kept' ? (found?.digest ?? null) : file.digest,
    })),
    left: left?.sequence ?? null,
    goesBack,
    hint: hintFor({ goesBack, rule, project, files, isFirst: left?.sequence === 0, canGoBack }),
  });
}

function hintFor({
  goesBack,
  rule,
  project,
  files,
  isFirst,
  canGoBack,
}: {
  readonly goesBack: boolean;
  readonly rule: 'safe' | 'restore' | 'none';
  readonly project: string;
  readonly files: readonly string[];
  readonly isFirst: boolean;
  readonly canGoBack: boolean;
}): string {
  if (goesBack && rule === 'safe')
    return isFirst ? 'everything is as it was before' : 'the former release is back, its containers too';
  if (goesBack) return 'images, files and containers of before are back, the data too if the new release had run';
  const logs = shellLine(activationCommand({ project, files }).slice(0, -2));
  return `the release stays installed and its containers stay as they are: look at \`${logs} logs\`, mend it and run the same command again${canGoBack ? '; `ferry rollback` brings images and files of before back and starts no container' : ''}`;
}

function mountedBefore({ file, found }: PlannedFile) {
  return { path: file.path, digest: found?.digest ?? null };
}
