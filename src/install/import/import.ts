/**
 * The import: privilege first, then the medium; then who may be believed, then what is in the tar, then what is to be
 * done; only then the first change. What was proven about trust is kept even when the rest is refused; of the rest, a
 * failure leaves nothing. DESIGN decisions 3 to 6, FORMAT §2 "On the site".
 */

import { basename } from 'node:path';
import { DockerError, type Engine } from '../../docker/index.ts';
import { FerryError } from '../../errors.ts';
import { ensureSiteIdentity, findSiteIdentity } from '../../site/index.ts';
import { findState, openState, type SiteState } from '../../state/index.ts';
import { nothingToActivate } from '../activation/activation.ts';
import { reasonMissing } from '../error.ts';
import { readKnownSite } from '../judge/judge.ts';
import { syncMedium } from '../look/sync-medium.ts';
import { findPolicy } from '../policy.ts';
import { ImportLog } from '../records/import-log.ts';
import { writeRefusal } from '../records/refusal.ts';
import { recoverPending } from '../transaction/recover.ts';
import { withCardCopy } from './card-copy.ts';
import { type Carried, judgeCarried, openCarried } from './carried.ts';
import { tellPending } from './dry-run.ts';
import { importOverlay } from './overlay.ts';
import { overrideFlags } from './overrides.ts';
import { Findings } from './preflight.ts';
import { withReceiptCopy } from './receipt-copy.ts';
import { importRelease } from './release.ts';
import type { ImportOptions, ImportResult } from './result.ts';
import type { Session } from './session.ts';

/**
 * Imports a release, an overlay or a catalogue, whole or not at all.
 * @throws {InstallError}, {TrustError}, {BundleError}, {DockerError}, {ManifestError}, {StateError}; {ContentError}
 *   `LOCKED`. But for trust that was proven, everything is as it was before.
 */
export async function importBundle(options: ImportOptions): Promise<ImportResult> {
  const [flag] = overrideFlags(options);
  if (flag !== undefined && !options.reason) throw reasonMissing('import', flag);
  const { command, systemLog } = options;
  const state = options.dryRun ? undefined : await openState(options.stateDir, { command, systemLog });
  const connected = await connect(options);
  try {
    if (state === undefined) {
      const pending = await tellPending(await findState(options.stateDir));
      const planned = await importWith(undefined, connected, options);
      return { ...planned, ...pending, warnings: [...pending.warnings, ...planned.warnings] };
    }
    const lock = await state.lock();
    try {
      const done = await writtenDown(state, options, async () => {
        const { recovered, warnings } = await recoverPending(state, {
          ...options,
          engine: async () => answering(connected),
        });
        const done = await importWith(state, connected, options);
        return { ...done, recovered, warnings: [...warnings, ...done.warnings] };
      });
      if (done.failure === undefined) return done;
      // there will be no result to tell them with
      for (const line of done.warnings) options.progress?.note(line);
      throw done.failure;
    } finally {
      await lock.release();
    }
  } finally {
    if (typeof options.engine === 'function' && !(connected instanceof DockerError)) connected.close();
  }
}

/** The engine, before the medium is read; or why it does not answer, which is a finding only where it is needed. */
async function connect({ engine }: ImportOptions): Promise<Engine | DockerError> {
  if (typeof engine !== 'function') return engine;
  try {
    return await engine();
  } catch (error) {
    if (error instanceof DockerError) return error;
    throw error;
  }
}

function answering(connected: Engine | DockerError): Engine {
  if (connected instanceof DockerError) throw connected;
  return { ...connected, close: () => {} };
}

/** @param state to write to; none in a dry run. */
async function importWith(
  state: SiteState | undefined,
  connected: Engine | DockerError,
  options: ImportOptions,
): Promise<ImportResult> {
  const startedAt = performance.now();
  const reader = state ?? (await findState(options.stateDir));
  const known = await readKnownSite(reader);
  const carried = await new Findings(connected instanceof DockerError ? [connected] : []).need(async () => {
    const site = (reader && (await findSiteIdentity(reader)))?.site;
    return openCarried(options.path, { site, product: known.product });
  });
  let done: ImportResult;
  try {
    done = await importCarried(carried, { state, reader, known, connected, options, startedAt });
  } finally {
    await carried.close();
  }
  return state === undefined || carried.folder === undefined ? done : withSync(done, carried.folder);
}

interface Importing extends Pick<Session, 'state' | 'reader' | 'known' | 'options' | 'startedAt'> {
  readonly connected: Engine | DockerError;
}

async function importCarried(carried: Carried, { connected, ...about }: Importing): Promise<ImportResult> {
  const { bundle } = carried;
  const { state, reader, known, options } = about;
  const isDown = connected instanceof DockerError;
  if (options.activate && bundle.kind !== 'release') {
    throw nothingToActivate(`what is imported: expected a release, got the kind ${bundle.kind}`);
  }
  // a site renews its trust also while its engine is down
  const findings = new Findings(isDown && bundle.kind === 'release' ? [connected] : []);
  const policy = await findings.need(() => findPolicy(reader));
  if (known.trust === undefined) findings.throwAny(); // no person is asked about a root for nothing
  const { accepted, ...beside } = await findings.need(() => judgeCarried(carried, { ...options, state, known }));
  const identity = state === undefined ? reader && (await findSiteIdentity(reader)) : await ensureSiteIdentity(state);
  const engine = isDown ? undefined : connected;
  const log = new ImportLog(state, { ...namesOf(carried), now: options.now });
  const overlay = carried.overlay && beside.overlay && { bundle: carried.overlay, accepted: beside.overlay };
  const session = { ...about, engine, bundle, overlay, log, accepted, identity, policy, findings };
  const done = await withCardCopy(session, await withReceiptCopy(session, await importKind(session)));
  // where there was no transaction, nobody has told yet
  const untold = await log.tell(done);
  const { catalogue } = carried;
  return { ...done, ...(catalogue && { catalogue: catalogue.path }), warnings: [...done.warnings, ...untold] };
}

/** As the audit log names them. */
function namesOf({ bundle, overlay, catalogue }: Carried) {
  return {
    bundle: basename(bundle.path),
    ...(overlay && { overlay: basename(overlay.path) }),
    ...(catalogue && { catalogue: basename(catalogue.path) }),
  };
}

/** Says that a medium may be pulled, now that nothing of it is open, once all is on it. */
async function withSync(done: ImportResult, folder: string): Promise<ImportResult> {
  const warning = await syncMedium(folder);
  if (warning === undefined) return { ...done, safeToUnmount: true };
  return { ...done, warnings: [...done.warnings, warning] };
}

function importKind(session: Session): Promise<ImportResult> {
  switch (session.bundle.kind) {
    case 'catalogue':
      return importCatalogue(session);
    case 'overlay':
      return importOverlay(session);
    case 'release':
      return importRelease(session);
  }
}

/** Of a catalogue there is nothing more to do: what it says is in force by now. */
async function importCatalogue({ accepted, engine, options, known }: Session): Promise<ImportResult> {
  const before = known.trust?.chain?.timestamp;
  const isNew = before === undefined || !Buffer.from(before).equals(accepted.next.chain?.timestamp ?? Buffer.of());
  return {
    kind: 'catalogue',
    action: options.dryRun ? 'planned' : isNew ? 'installed' : 'present',
    images: [],
    files: [],
    bytesRead: 0,
    bytesTotal: 0,
    ...(engine && { engine: engine.facts }),
    importableUntil: accepted.effective.expires,
    warnings: accepted.warnings,
  };
}

/** An import that was refused or failed leaves a line too. */
async function writtenDown(
  state: SiteState,
  { path, now, reason }: ImportOptions,
  run: () => Promise<ImportResult>,
): Promise<ImportResult> {
  try {
    return await run();
  } catch (error) {
    const facts = { bundle: basename(path) };
    if (error instanceof FerryError) await writeRefusal(state, error, { facts, now, reason });
    throw error;
  }
}
