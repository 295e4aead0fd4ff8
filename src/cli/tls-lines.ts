/** What a certificate says to a person: for which names, until when, and what is served. Never its key. */
import type { InstallTLSResult, SiteTLS, WaitingTLS } from '../install/index.ts';
import { alignColumns, formatDay, formatUntil, recreateLines } from './format.ts';

/** The row of a status. */
export function tlsRows(tls: SiteTLS | undefined): string[][] {
  if (tls === undefined) return [];
  return tls.notAfter === undefined && tls.waiting !== undefined && tls.problem === undefined
    ? [['certificate', `none is installed; a request waits since ${formatDay(tls.waiting[0]?.made ?? new Date(0))}`]]
    : [['certificate', stateWords(tls)]];
}

/** All that is known of the certificate. */
export function tlsLines(tls: SiteTLS, now: Date): string[] {
  const { path, keyMatches, served, waiting = [] } = tls;
  const rows = [
    ['certificate', path],
    ['state', stateWords(tls)],
    ...certificateRows(tls, now),
    ['key', keyMatches === undefined ? '' : keyMatches ? 'is of this certificate' : 'is of another certificate'],
    ['served', served === undefined ? '' : servedWords(served)],
    ...waiting.map(waitingRow),
  ];
  return alignColumns(rows.filter(([, value]) => value !== ''));
}

/** What an install has done. */
export function installedLines(done: InstallTLSResult, now: Date): string[] {
  const { action, dir, key, reloaded = '', served = '', previous } = done;
  const rows = [
    ['certificate', dir],
    ['state', stateWords(done)],
    ...certificateRows(done, now),
    ['key', KEYS[key]],
    ['reloaded', reloaded],
    ['served', served === '' ? '' : `at ${served}`],
    ...(previous?.kept ?? []).map((kept) => ['the one before', kept]),
  ];
  return [HEADS[action], ...alignColumns(rows.filter(([, value]) => value !== '')), ...recreateLines(done)];
}

const HEADS = {
  installed: 'the certificate is installed',
  present: 'this certificate is installed already: no file was changed',
};

const KEYS = {
  given: 'came with the certificate',
  waiting: 'was made here by `ferry tls request`',
  installed: 'the one that was installed before',
};

function certificateRows(
  { names = [], issuer = '', notBefore, notAfter, fingerprint = '', spki = '' }: Omit<SiteTLS, 'path' | 'served'>,
  now: Date,
): string[][] {
  return [
    ['names', names.join(', ')],
    ['issuer', issuer],
    ['valid from', notBefore === undefined ? '' : formatUntil(notBefore, now)],
    ['valid until', notAfter === undefined ? '' : formatUntil(notAfter, now)],
    ['fingerprint', fingerprint],
    ['key (SPKI)', spki],
  ];
}

function stateWords({ notBefore, notAfter, daysLeft = 0, level, problem }: Omit<SiteTLS, 'path' | 'served'>): string {
  if (notAfter === undefined || notBefore === undefined) return problem === undefined ? 'none is installed' : 'unknown';
  if (level === 'ended') return `ended ${formatDay(notAfter)}`;
  if (level === 'not-yet') return `begins ${formatDay(notBefore)}`;
  return `valid until ${formatDay(notAfter)} (${daysLeft === 1 ? '1 day' : `${daysLeft} days`} left)`;
}

function servedWords(served: NonNullable<SiteTLS['served']>): string {
  if ('problem' in served) return `unknown: ${served.problem}`;
  return served.same ? `this one, at ${served.at}` : `another one, at ${served.at}: ${served.fingerprint}`;
}

function waitingRow({ names, ips, made, spki }: WaitingTLS): string[] {
  return ['waits', `${[...names, ...ips].join(', ')}, asked for ${formatDay(made)}, key ${spki.slice(0, 16)}…`];
}
