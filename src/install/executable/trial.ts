/**
 * A placed executable is run once before anything counts on it: it must start on this host and be the version that the
 * signed release says. What forbids it is told by name: a mount without programs, fapolicyd, another policy.
 */

import { lastWords, type ProgramEnd, type ProgramOptions, runProgram, shellWord } from '../../content/index.ts';
import { InstallError } from '../error.ts';
import { findNoexec } from './mounts.ts';

/** Runs a program to its end, as content's `runProgram`. */
export type RunProgram = (words: readonly string[], options: ProgramOptions) => Promise<ProgramEnd>;

/** All that a program of ours sees of an environment. */
export const BARE_ENV = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } as const;

const TRIAL_MS = 30_000;
/** As a shell has it, for a file that may not be run. */
const MAY_NOT = 126;

export interface Trial {
  /** What is run, on this host. */
  readonly path: string;
  /** Where it stands, or is to. */
  readonly place: string;
  readonly version: string;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `--version`.
 * @throws {InstallError} `FERRY_NOT_EXECUTABLE`; `FERRY_WRONG_VERSION` when it says another one.
 */
export async function tryOut(trial: Trial, run: RunProgram = runProgram): Promise<void> {
  const { path, place, version, signal } = trial;
  const end = await run([path, '--version'], { env: BARE_ENV, timeoutMs: TRIAL_MS, signal });
  if (end.status !== 0 || end.ended !== undefined) throw await notExecutable(trial, end);
  const said = end.stdout.trim();
  if (said === version) return;
  throw new InstallError(
    `try ${place}: expected ferry ${version}, as the release says, got ${JSON.stringify(said.slice(0, 80))}`,
    {
      code: 'FERRY_WRONG_VERSION',
      facts: { path: place, version },
    },
  );
}

/** @throws {InstallError} `FERRY_NOT_EXECUTABLE` where the place is on a mount that runs no program */
export async function refuseNoexec(place: string): Promise<void> {
  const mount = await findNoexec(place);
  if (mount !== undefined) throw onNoexec(place, mount);
}

async function notExecutable({ path, place }: Trial, end: ProgramEnd): Promise<InstallError> {
  if (end.ended === 'timeout') return failed(place, `no answer in ${TRIAL_MS / 1000} s`);
  if (end.status !== MAY_NOT) return failed(place, `status ${end.status} and ${lastWords(end)}`);
  const mount = await findNoexec(path);
  if (mount !== undefined) return onNoexec(place, mount);
  if (end.output.includes('Operation not permitted')) return denied(place);
  return failed(place, lastWords(end), 'see what denied it: ausearch -m avc -ts recent');
}

function onNoexec(place: string, mount: string): InstallError {
  return failed(place, `a mount without programs: ${mount} is noexec`, `mount it anew: mount -o remount,exec ${mount}`);
}

/** fapolicyd lets the kernel answer so (fanotify(7)), and trusts a file by its path, size and digest. */
function denied(place: string): InstallError {
  const trust = `fapolicyd-cli --file add ${shellWord(place)} --trust-file ferry; fapolicyd-cli --update`;
  return failed(
    place,
    'the kernel saying no, as it does where fapolicyd runs',
    `put the executable of the medium there with install -D -m 755, then: ${trust}`,
  );
}

function failed(place: string, got: string, hint = 'see by hand what it says'): InstallError {
  return new InstallError(`try ${place}: expected a program that starts on this host, got ${got}`, {
    code: 'FERRY_NOT_EXECUTABLE',
    hint: `${hint}; or go on without: --no-ferry`,
    facts: { path: place },
  });
}
