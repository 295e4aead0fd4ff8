/** The certificate in a status, and when it wants a person: it ends soon, its key is another's, another one is served. */

import { isIP } from 'node:net';
import { FerryError } from '../../errors.ts';
import type { HostPort } from '../../manifest/index.ts';
import { findPolicy } from '../policy.ts';
import { type LookAtTLSOptions, lookAtTLS, type SiteTLS } from '../tls/look.ts';
import { prefixIn } from './files.ts';
import type { InstalledRelease } from './release.ts';

export interface StatusTLSOptions extends Omit<LookAtTLSOptions, 'prefix' | 'probe'> {
  /** @default what the receipt says */
  readonly prefix: string | undefined;
  readonly release: InstalledRelease | undefined;
}

/** The certificate with the lines for a person; where it cannot be looked at, a line says why. */
export async function lookAtStatusTLS({
  prefix,
  release,
  ...about
}: StatusTLSOptions): Promise<{ readonly tls?: SiteTLS; readonly lines: readonly string[] }> {
  const before = prefix ?? prefixIn(release?.receipt?.files ?? [], release?.installed?.files ?? []);
  try {
    const tls = await lookAtTLS({ ...about, prefix: before, probe: await findProbe(about) });
    return tls === undefined ? { lines: [] } : { tls, lines: tlsLines(tls) };
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    // that the release cannot be read was told already
    return release === undefined ? { lines: [] } : { lines: [`the certificate cannot be looked at: ${error.message}`] };
  }
}

/** Where the operator says that it is served; a `site.yaml` that is wrong has a line of its own. */
async function findProbe({ state }: Pick<StatusTLSOptions, 'state'>): Promise<HostPort | undefined> {
  try {
    return (await findPolicy(state)).tls?.probe;
  } catch (error) {
    if (error instanceof FerryError) return undefined;
    throw error;
  }
}

const PLAIN_NAME = /^[\w.:*-]{1,100}$/;
const MAX_NAMES = 4;

/** What to type next, by what was done already. */
function nextWords({ names = [], waiting }: SiteTLS): string {
  const fits = waiting?.some((request) => {
    const asked = [...request.names, ...request.ips];
    return names.every((name) => asked.includes(name));
  });
  if (fits) return 'a request for its names waits: when the answer is here, ferry tls install --cert FILE';
  return `ask for another with ferry tls request ${namesTyped(names)} --out FILE, and install it with ferry tls install`;
}

/** As options for a shell; of many names, or odd ones, how to give them. */
function namesTyped(names: readonly string[]): string {
  if (names.length === 0 || names.length > MAX_NAMES || !names.every((name) => PLAIN_NAME.test(name)))
    return '--name NAME';
  return names.map((name) => `${isIP(name) ? '--ip' : '--name'} ${name.includes('*') ? `'${name}'` : name}`).join(' ');
}

/** The lines; none for one that lasts and is served. Pure. */
export function tlsLines(tls: SiteTLS): readonly string[] {
  const { path, problem, keyMatches, served } = tls;
  return [
    ...(problem === undefined ? [] : [`the certificate in ${path} cannot be read: ${problem}`]),
    ...(keyMatches === false ? [`the key in ${path} is not that of the certificate: install both anew`] : []),
    ...endLines(tls),
    ...(served === undefined ? [] : servedLines(served)),
  ];
}

/** The words rise with what is left. */
function endLines(tls: SiteTLS): readonly string[] {
  const { notBefore, notAfter, daysLeft = 0, level } = tls;
  if (notBefore === undefined || notAfter === undefined) return [];
  const left = daysLeft === 1 ? 'in 1 day' : `in ${daysLeft} days`;
  switch (level) {
    case 'ended':
      return [`the certificate ended ${day(notAfter)}, clients refuse it: ${nextWords(tls)}`];
    case 'not-yet':
      return [`the certificate begins ${day(notBefore)}, clients refuse it until then: see that the clock is right`];
    case 'critical':
      return [
        `the certificate ends ${left}, ${day(notAfter)}, and clients refuse it then: install another today; ${nextWords(tls)}`,
      ];
    case 'urgent':
      return [`the certificate ends ${left}, ${day(notAfter)}: another should be under way; ${nextWords(tls)}`];
    case 'soon':
      return [`the certificate ends ${left}, ${day(notAfter)}: ${nextWords(tls)}`];
    default:
      return [];
  }
}

function servedLines(served: NonNullable<SiteTLS['served']>): readonly string[] {
  if ('problem' in served) return [`nobody can see the certificate at ${served.at}: ${served.problem}`];
  if (served.same) return [];
  const until = day(served.notAfter);
  return [
    `${served.at} serves another certificate than the installed one (until ${until}): reload what serves there, or install it again`,
  ];
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
