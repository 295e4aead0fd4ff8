/**
 * What becomes of a new certificate once its files stand: who is told of it, where it must then be served, and the two
 * steps that see to that. Looks and changes nothing.
 */

import { formatHostPort, type HostPort } from '../../manifest/index.ts';
import type { Served } from '../../tls/index.ts';
import { type ServeData, serve } from '../steps/serve.ts';
import { serveOld } from '../steps/serve-old.ts';
import type { Step } from '../steps/step.ts';
import { findServing } from './probe-address.ts';
import { describeReload } from './reload.ts';
import { planReload, type ReloadPlan, type ReloadPlanOptions } from './reload-plan.ts';
import { LOOKING, type Looking, lookOnce, type ProbeAddress } from './until-served.ts';

export interface ServeOptions extends ReloadPlanOptions {
  /** From the command line: it counts even where nobody answers there yet. */
  readonly probe?: HostPort | undefined;
  /** How long the new one may take to be served, and on a way back the old one. @default 15_000 */
  readonly probeTimeoutMs?: number | undefined;
  readonly next: { readonly fingerprint: string /** Asked for by SNI. */; readonly name: string };
  /** What the files say that are replaced. */
  readonly before: { readonly fingerprint?: string | undefined };
  readonly signal?: AbortSignal | undefined;
  /** @default the network */
  readonly looking?: Looking;
}

/** What is to be done around the switch of the files. */
export interface ServePlan {
  /** Goes immediately before the step that switches the files. */
  readonly before?: Step;
  /** Goes after it. */
  readonly after?: Step;
  /** Whether the steps need the engine: the journal must then name it. */
  readonly usesEngine: boolean;
  readonly warnings: readonly string[];
  /** What the live port serves by now. */
  readonly served?: Served;
  /** For people, before anything is done: `SIGHUP to service proxy of atrium`. */
  readonly reload?: string;
  /** `127.0.0.1:443` */
  readonly probe?: string;
}

const TIMEOUT_MS = 15_000;

/** @throws {InstallError} `RELOAD_FORBIDDEN`; {DockerError}; the reason of the signal */
export async function planServe(options: ServeOptions): Promise<ServePlan> {
  const { looking = LOOKING, signal, next } = options;
  const found = await planReload(options);
  const { address, isGuess } = findAddress(options, found);
  const seen = address && (await lookOnce(address, { probe: looking.probe, signal }));
  const served = seen?.served;
  const isThere = served !== undefined || options.probe !== undefined;
  // what nobody serves yet is no reason to run the operator's standing command, nor to hold an install to a guess
  const isIdle = !isThere && address !== undefined && isStanding(options, found);
  const reload = isIdle ? undefined : found.reload;
  const probe = isIdle || (isGuess && !isThere) ? undefined : address;
  const warnings = [...found.warnings, ...linesOf({ found, reload, address, probe })];
  const about = { warnings, ...(served && { served }) };
  if (reload === undefined && probe === undefined) return { ...about, usesEngine: false };
  // where nobody served, there is nothing to wait for on a way back
  const former = served === undefined ? [] : [options.before.fingerprint, served.fingerprint];
  const before = new Set(former.filter((one) => one !== undefined && one !== next.fingerprint));
  const data: ServeData = {
    reload: reload ?? null,
    untold: reload === undefined ? (found.none ?? null) : null,
    probe: probe ?? null,
    next: next.fingerprint,
    before: [...before] as readonly string[],
  };
  const steps = { before: serveOld(data), after: serve(data), usesEngine: reload?.kind === 'containers' };
  const told = { ...(reload && { reload: describeReload(reload) }), ...(probe && { probe: formatHostPort(probe) }) };
  return { ...about, ...steps, ...told };
}

/** Whether the command is the one of `site.yaml`, with no container that runs. */
function isStanding({ reloadCommand }: ServeOptions, { reload, running }: ReloadPlan): boolean {
  return reloadCommand === undefined && running.length === 0 && reload?.kind !== 'containers';
}

function findAddress(
  { probe, policy, engine, next, probeTimeoutMs: timeoutMs = TIMEOUT_MS }: ServeOptions,
  { running }: ReloadPlan,
): { readonly address: ProbeAddress | undefined; readonly isGuess: boolean } {
  const told = probe ?? policy.tls?.probe;
  const found = told ?? (engine?.facts.local ? findServing(running) : undefined);
  if (found === undefined) return { address: undefined, isGuess: true };
  const { host, port } = found;
  return { address: { host, port, name: next.name, timeoutMs }, isGuess: told === undefined };
}

interface Lines {
  readonly found: ReloadPlan;
  readonly reload: ReloadPlan['reload'];
  /** Where to look, were somebody there. */
  readonly address: ProbeAddress | undefined;
  readonly probe: ProbeAddress | undefined;
}

function linesOf({ found, reload, address, probe }: Lines): readonly string[] {
  const where = address && formatHostPort(address);
  if (reload === undefined) {
    const why = found.none ?? `nobody serves at ${where}`;
    return probe === undefined
      ? [`nothing was reloaded: ${why}; whoever serves these files reads them when it starts`]
      : [];
  }
  if (probe !== undefined) return [];
  const why =
    where === undefined ? 'no address is known; name it with --probe HOST:PORT' : `nobody answered at ${where} before`;
  return [`nobody looked whether the new certificate is served: ${why}`];
}
