/**
 * What comes in: who listens on a port here, whether anybody but this host reaches it, what answers there, and whether the
 * certificate that is served is the installed one. Whether a firewall before this host lets people through nobody sees
 * from here, and the result says so.
 */
import { probe, type Served, TLSError } from '../tls/index.ts';
import { runCheck } from './check.ts';
import { findListeners, type Listener } from './listeners.ts';
import type { CheckContext } from './outcome.ts';
import type { PlannedRow } from './rows.ts';
import type { Looked, SiteCertificate, SiteFacts } from './site.ts';

const FROM_OUTSIDE = 'try it from another machine as well';

/** Looks at one port. */
export async function lookInbound(
  { port = 443, protocol = 'TCP', required }: Pick<PlannedRow, 'port' | 'protocol' | 'required'>,
  { site, context }: { readonly site: SiteFacts; readonly context: CheckContext },
): Promise<Looked> {
  const listeners = await findListeners(port, { protocol });
  if (protocol === 'UDP') return ofUDP(listeners);
  const who = listeners === undefined ? '' : whoListens(listeners);
  if (listeners?.length === 0 && !(await isAnswered(port, context))) return nobody(port, { site, required });
  const outside = listeners?.filter(({ address }) => !/^(?:127\.|::1$)/.test(address));
  if (outside?.length === 0 && listeners?.length !== 0) {
    return {
      ok: false,
      result: `${who} on ${listeners?.map(({ address }) => address).join(', ')} only: nobody outside of this host reaches it`,
      remedy: 'let it listen on every address (0.0.0.0), or on the one that people use',
    };
  }
  const host = addressToAsk(listeners ?? []);
  return port === 80
    ? await lookAtHTTP(host, { who, context })
    : await lookAtTLS({ host, port }, { who, site, context });
}

function ofUDP(listeners: readonly Listener[] | undefined): Looked {
  if (listeners === undefined) return { ok: null, result: 'who listens can be seen on Linux only' };
  if (listeners.length === 0) return { ok: false, result: 'nobody listens' };
  return { ok: true, result: `${whoListens(listeners)}; ${FROM_OUTSIDE}` };
}

function whoListens(listeners: readonly Listener[]): string {
  const names = listeners.flatMap(({ program }) => (program ? [`${program.name} (process ${program.pid})`] : []));
  const unique = [...new Set(names)];
  if (unique.length === 0) return 'somebody listens';
  return `${unique.slice(0, 3).join(', ')} ${unique.length === 1 ? 'listens' : 'listen'}`;
}

/** An engine without its proxy program lets in by rules of the kernel: then nobody listens, and it answers all the same. */
async function isAnswered(port: number, context: CheckContext): Promise<boolean> {
  return (await runCheck({ kind: 'tcp', host: '127.0.0.1', port }, context)).ok;
}

function nobody(port: number, { site, required }: { readonly site: SiteFacts; readonly required: boolean }): Looked {
  // before the first import that is as it should be: the port is free for the product
  if (!site.isInstalled) {
    return { ok: null, result: 'nobody listens yet, so the port is free: no release is installed here' };
  }
  return {
    ok: false,
    result: 'nobody listens',
    ...(required && { remedy: `start the product: its proxy is to listen on ${port}` }),
  };
}

/** One address where it answers to this host. */
function addressToAsk(listeners: readonly Listener[]): string {
  const addresses = listeners.map(({ address }) => address);
  if (addresses.length === 0 || addresses.includes('0.0.0.0') || addresses.includes('::')) return '127.0.0.1';
  return addresses[0] ?? '127.0.0.1';
}

async function lookAtHTTP(
  host: string,
  { who, context }: { readonly who: string; readonly context: CheckContext },
): Promise<Looked> {
  const authority = host.includes(':') ? `[${host}]` : host;
  const { ok, detail } = await runCheck({ kind: 'https', host, port: 80, url: `http://${authority}/` }, context);
  return { ok, result: `${who}; ${detail}${ok ? `; ${FROM_OUTSIDE}` : ''}` };
}

interface TLSLook {
  readonly who: string;
  readonly site: SiteFacts;
  readonly context: CheckContext;
}

async function lookAtTLS(
  { host, port }: { readonly host: string; readonly port: number },
  { who, site, context }: TLSLook,
): Promise<Looked> {
  const [name] = site.certificate?.names ?? [];
  const { timeoutMs, signal } = context;
  try {
    const served = await probe({ host, port, name: name?.replace(/^\*/, 'www'), timeoutMs, signal });
    return judgeServed(served, { who, certificate: site.certificate, now: context.now });
  } catch (error) {
    if (!(error instanceof TLSError)) throw error;
    context.signal?.throwIfAborted();
    // HTTPS is what 443 is for; another port may be for anything
    if (port !== 443) return { ok: true, result: `${who}; ${FROM_OUTSIDE}` };
    return {
      ok: false,
      result: `${who}; ${error.message}`,
      remedy: 'give the proxy a certificate: `ferry tls install`',
    };
  }
}

function judgeServed(
  served: Served,
  {
    who,
    certificate,
    now,
  }: { readonly who: string; readonly certificate: SiteCertificate | undefined; readonly now: Date },
): Looked {
  const { fingerprint, names, notAfter, issuer } = served;
  const facts = { fingerprint, names, notAfter, issuer };
  const what = `${names.slice(0, 2).join(', ') || 'no name'}, by ${issuer}, until ${notAfter.toISOString().slice(0, 10)}`;
  const isOurs = certificate?.fingerprint === undefined ? undefined : certificate.fingerprint === fingerprint;
  if (isOurs === false) {
    return {
      ok: false,
      result: `${who}; it serves another certificate than the installed one: ${what}`,
      remedy: 'let it read the installed one: `ferry tls show`, then reload or restart the proxy',
      facts: { ...facts, isInstalled: false },
    };
  }
  const which = isOurs ? 'the installed certificate' : 'a certificate';
  const said = { facts: { ...facts, ...(isOurs !== undefined && { isInstalled: isOurs }) } };
  if (notAfter < now) {
    const remedy = 'install a new certificate: `ferry tls request`, `ferry tls install`';
    return { ok: false, result: `${who}; it serves ${which}, which has ended: ${what}`, remedy, ...said };
  }
  return { ok: true, result: `${who}; it serves ${which}: ${what}; ${FROM_OUTSIDE}`, ...said };
}
