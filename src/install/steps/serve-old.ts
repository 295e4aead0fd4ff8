/**
 * The way back of a certificate that was put into use. Making it changes nothing: it stands immediately before the
 * switch of the files, so that its undo comes when they are back; then whoever serves them is told once more, and the
 * live port is looked at. What cannot be brought back is said, and is no reason to stop: the files are right.
 */

import { InstallError } from '../error.ts';
import { reload } from '../tls/reload.ts';
import { LOOKING, untilServed, whereOf } from '../tls/until-served.ts';
import { mayHaveBegun, type ServeData, type ServeMeans } from './serve.ts';
import type { Site, Step, StepKind } from './step.ts';

/** The step that knows the way back. */
export function serveOld(data: ServeData): Step<ServeData> {
  return { kind: 'serve-old', name: 'serve the former certificate', data };
}

/** The kind, with what it looks by. */
export function serveOldWith(means: ServeMeans): StepKind<ServeData> {
  return {
    isResumable: true,
    apply: async () => {},
    undo: async (data, site) => {
      if (!mayHaveBegun(site)) return;
      site.progress.phase('serve the former certificate');
      const { told, problem } = await reloadAgain(data, site, means);
      // a signal that went nowhere needs no answer: what does not run reads the files when it starts
      if (data.reload !== null && told === undefined && problem === undefined) return;
      const { isBack, what } = await lookAgain(data, means);
      const isTold = problem === undefined;
      if (isBack ?? isTold) tellBack(isTold ? what : `${what}, but ${problem}`, site);
      else tellLeft(`the former files are back, but ${isTold ? what : `${problem}; ${what}`}`, site);
    },
  };
}

export const serveOldStep = serveOldWith({ looking: LOOKING });

interface ReloadedAgain {
  readonly told?: string | undefined;
  readonly problem?: string;
}

async function reloadAgain(data: ServeData, site: Site, { commandLimitMs }: ServeMeans): Promise<ReloadedAgain> {
  if (data.reload === null) return {};
  try {
    return { told: await reload(data.reload, site, { isWayBack: true, commandLimitMs, signal: undefined }) };
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    return { problem: error.message };
  }
}

interface Back {
  /** `undefined` where nobody can look. */
  readonly isBack: boolean | undefined;
  readonly what: string;
}

async function lookAgain({ probe, before }: ServeData, { looking }: ServeMeans): Promise<Back> {
  if (probe === null) return { isBack: undefined, what: 'the former files are back; nobody looked what is served' };
  const where = whereOf(probe);
  if (before.length === 0) return { isBack: true, what: `the former files are back; nobody served at ${where} before` };
  const isWanted = ({ fingerprint }: { readonly fingerprint: string }) => before.includes(fingerprint);
  const seen = await untilServed(probe, { ...looking, isWanted, signal: undefined });
  return seen.isServed
    ? { isBack: true, what: `the former certificate is back, and served at ${where}` }
    : {
        isBack: false,
        what: `expected the former certificate at ${where}, got ${seen.what}: look after what serves there`,
      };
}

/** In the error of what failed; whoever recovers has none to put it into. */
function tellBack(line: string, site: Site): void {
  site.outcome.restored = line;
  if (site.isRecovery) site.warn(line);
}

function tellLeft(line: string, site: Site): void {
  site.outcome.left = [...(site.outcome.left ?? []), line];
  site.warn(line);
}
