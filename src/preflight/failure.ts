/**
 * What the rooms below throw, as an outcome: the stage it happened at, its own line, and what usually causes it. Hints
 * are for whoever may have to talk to those who run the network: they name what to ask for.
 */
import { FerryError, messageOf, spellOut } from '../errors.ts';
import { type Attempt, CheckFailure } from './attempt.ts';
import type { CheckOutcome, CheckStage } from './outcome.ts';

const MAX_DETAIL = 400;

/** The outcome, but for its time, of whatever a check threw. */
export function outcomeOf(error: unknown, attempt: Attempt): Omit<CheckOutcome, 'ms'> {
  if (error instanceof CheckFailure) return { ok: false, ...error.outcome, detail: shown(error.outcome.detail) };
  if (!(error instanceof FerryError)) return { ok: false, stage: attempt.stage, detail: shown(messageOf(error)) };
  const hint = hintFor(error) ?? error.hint;
  const { url: _, stage: __, ...facts } = error.facts;
  return {
    ok: false,
    stage: stageOf(error) ?? attempt.stage,
    detail: shown(error.message),
    ...(hint === undefined ? {} : { hint }),
    facts: { code: error.code, ...facts },
  };
}

/** The outcome of a check whose time is over: what it was waiting for. */
export function timedOut({ stage, doing }: Attempt, timeoutMs: number): Omit<CheckOutcome, 'ms'> {
  const detail = shown(`${doing}: no answer within ${seconds(timeoutMs)}`);
  return { ok: false, stage, detail, hint: SILENT[stage], facts: { code: 'NO_ANSWER' } };
}

/** `5 s`, `0.3 s` */
function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`;
}

function shown(text: string): string {
  return spellOut(text).slice(0, MAX_DETAIL);
}

const SILENT: Readonly<Record<CheckStage, string>> = {
  dns: 'the name servers of /etc/resolv.conf are not reached, or forward to ones that are not: ask whether DNS for outside names is open from here',
  proxy: 'the proxy is not reached, or waits for a destination that it cannot reach itself: ask whoever runs it',
  tcp: 'a firewall that drops packets is silent like this: ask for this host and port to be opened from here',
  tls: 'the port is open, but nothing in TLS comes back: a firewall that looks into TLS, or a server that speaks something else there',
  http: 'the connection stands, but the server, or what is between, does not answer the request',
  protocol:
    'the connection stands, but nothing is said on it: is it the right port, and does what is between know the protocol',
};

function stageOf({ code, facts }: FerryError): CheckStage | undefined {
  const stage = facts['stage'];
  if (typeof stage === 'string') return stage as CheckStage;
  if (code === 'CERTIFICATE_FILE_INVALID') return 'tls';
  if (code === 'PROXY_REFUSED') return 'proxy';
  return HTTP_STAGE.has(code) ? 'http' : 'protocol';
}

const HTTP_STAGE: ReadonlySet<string> = new Set(['REDIRECT_REFUSED', 'PLAIN_HTTP_REFUSED', 'CONNECTION_LOST']);

function hintFor({ code, facts }: FerryError): string | undefined {
  const { stage, why, fault, status } = facts;
  if (stage === 'proxy' || code === 'PROXY_REFUSED') return proxyHint({ status, why });
  if (code === 'UNKNOWN_HOST')
    return 'see whether the name is right, and whether the name servers here know names of that zone';
  if (stage === 'dns') return SILENT.dns;
  if (code === 'UNREACHABLE' && why === 'ECONNREFUSED') {
    return 'the host is reached, but nothing listens on that port; a firewall may also answer so';
  }
  if (code === 'UNREACHABLE')
    return 'there is no route from here, or a firewall says no: ask for this host and port to be opened';
  if (code === 'TLS_NOT_TRUSTED') return FAULTS[String(fault)] ?? FAULTS['other'];
  if (stage === 'tls' && code === 'PLAIN_HTTP_REFUSED') {
    return 'something that is no TLS listens there: a port for plain connections, or a portal that answers for the server';
  }
  if (stage === 'tls' && code === 'CONNECTION_LOST')
    return 'firewalls that judge by the name in TLS (SNI) end connections so';
  if (stage === 'tls')
    return /CERTIFICATE_REQUIRED|BAD_CERTIFICATE/.test(String(why))
      ? 'the server wants a client certificate'
      : undefined;
  if (code === 'REDIRECT_REFUSED')
    return 'redirects that go round come of a portal or a proxy that wants something of a person';
  return stage === 'http' ? SILENT.http : undefined;
}

const FAULTS: Readonly<Record<string, string>> = {
  authority:
    'a proxy or firewall that opens TLS presents certificates like this (its name is in the line): have this host left out of TLS inspection; if the authority is your own, give its certificate with --ca, and to the server too',
  expired: 'the certificate must be renewed by whoever runs that server; or the clock here is wrong',
  'not-yet': 'the clock here is behind, or the certificate was made ahead of time',
  clock: 'the clock of this host is wrong, or a certificate between the server and its authority has ended',
  name: 'another server answers under this name: a wrong entry in DNS, a portal, or a proxy with one certificate for all',
  other:
    'the certificate, or one above it, breaks the rules: whoever runs that server, or the proxy that opens TLS, must make a new one',
};

function proxyHint({ status, why }: { status?: unknown; why?: unknown }): string {
  if (status === 407) return 'the proxy wants a user and password: HTTPS_PROXY=http://user:password@host:port';
  if (status === 403 || why === 'ERR_ACCESS_DENIED')
    return 'the proxy is told not to let this through: ask whoever runs it to allow this host and port';
  if (typeof status === 'number' && status >= 500)
    return 'the proxy itself does not reach the host: its DNS, or the firewall behind it';
  if (status === 405 || status === 501 || status === 400)
    return 'the proxy does not do CONNECT: is it a web proxy, and its port the right one';
  return 'are HTTPS_PROXY and HTTP_PROXY right, and is the proxy up; hosts that need none go into NO_PROXY';
}
