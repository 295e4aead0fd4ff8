/**
 * The new certificate in use: whoever serves it is told, and then the live port must show it, or all goes back. The
 * files stand already, so it can be made from the journal alone, and again. The way back is the business of the step
 * `serve-old`, when the files are back. trust-and-tls.md §6, step 4.
 */

import { InstallError } from '../error.ts';
import { type Reload, reload } from '../tls/reload.ts';
import {
  LOOKING,
  type Looking,
  lookOnce,
  type ProbeAddress,
  type Seen,
  shortFingerprint,
  untilServed,
  whereOf,
} from '../tls/until-served.ts';
import type { Site, Step, StepKind } from './step.ts';

/** What both steps of serving know. */
export interface ServeData {
  /** `null`: whoever serves sees for itself. */
  readonly reload: Reload | null;
  /** Why nobody is told, for people; `null` where somebody is. */
  readonly untold: string | null;
  /** `null`: nobody looks. */
  readonly probe: ProbeAddress | null;
  /** The fingerprint that must be served. */
  readonly next: string;
  /** Those that are as before: what the files said, what was served. */
  readonly before: readonly string[];
}

/** How the steps are made. */
export interface ServeMeans {
  readonly looking: Looking;
  /** @default as `reload` has it */
  readonly commandLimitMs?: number;
}

/** The step that puts the new certificate into use. */
export function serve(data: ServeData): Step<ServeData> {
  return { kind: 'serve', name: 'serve the new certificate', data };
}

/** The kind, with what it looks by. */
export function serveWith({ looking, commandLimitMs }: ServeMeans): StepKind<ServeData> {
  return {
    isResumable: true,
    apply: async (data, site) => {
      const { signal } = site;
      site.outcome.serve = {};
      site.progress.phase('serve the new certificate');
      if (await isIdle(data, site, looking)) return site.warn(NOBODY);
      const told = data.reload && (await reload(data.reload, site, { isWayBack: false, commandLimitMs, signal }));
      if (data.reload !== null && told === undefined) return site.warn(NOBODY);
      const reloaded = told === null || told === undefined ? {} : { reloaded: told };
      site.outcome.serve = reloaded;
      if (data.probe === null) return;
      const isWanted = ({ fingerprint }: { readonly fingerprint: string }) => fingerprint === data.next;
      const seen = await untilServed(data.probe, { ...looking, isWanted, signal });
      if (!seen.isServed) throw notServed(data, data.probe, seen);
      site.outcome.serve = { ...reloaded, served: whereOf(data.probe) };
    },
    undo: async () => {},
  };
}

/**
 * After a power cut the operator's command comes to nothing where what it tells has not been started yet. That will read
 * the files then: no reason to take all back.
 */
async function isIdle({ reload: how, probe }: ServeData, site: Site, { probe: look }: Looking): Promise<boolean> {
  if (!site.isRecovery || how?.kind !== 'command' || probe === null) return false;
  return (await lookOnce(probe, { probe: look, signal: site.signal })).served === undefined;
}

export const serveStep = serveWith({ looking: LOOKING });

/** Whether somebody may have been told: by this process, or by one before it that can no longer be asked. */
export function mayHaveBegun({ outcome, isRecovery }: Site): boolean {
  return isRecovery || outcome.serve !== undefined;
}

const LOOK =
  'look at the log of what serves there; another way to reload it is named by --reload, another place to look by --probe';
const NOBODY = 'nothing was reloaded: what serves these files does not run now; it reads them when it starts';

function notServed({ next, untold }: ServeData, probe: ProbeAddress, { what, served }: Seen): InstallError {
  const where = whereOf(probe);
  const expected = `expected the certificate ${shortFingerprint(next)} within ${probe.timeoutMs / 1000} s`;
  return new InstallError(`serve the new certificate at ${where}: ${expected}, got ${what}`, {
    code: 'TLS_NOT_SERVED',
    hint: untold === null ? LOOK : `nothing was reloaded, for ${untold}; ${LOOK}`,
    facts: { probe: where, expected: next, ...(served && { got: served.fingerprint }) },
  });
}
