/**
 * Whether the certificates of a file are in order, and lead to an authority that is trusted. Pure. Servers send them as
 * they are, and clients differ in what they put up with: what only some would put right is refused. Authorities are trusted
 * only where they signed themselves; name constraints and path lengths are OpenSSL's to judge, in the rehearsal.
 */
import type { X509Certificate } from 'node:crypto';
import { certificatesOf, isSelfSigned, issuedBy } from './chain.ts';
import { type TLSCode, TLSError } from './error.ts';
import { issuerOf, subjectOf } from './facts.ts';

export interface JudgedChain {
  /** The authority that it ends at; none where there is a fault. */
  readonly anchor?: X509Certificate;
  readonly fault?: TLSError;
}

/** @param what names the file in errors */
export function judgeChain(
  chain: readonly X509Certificate[],
  { roots, now, what }: { readonly roots: readonly string[]; readonly now: Date; readonly what: string },
): JudgedChain {
  const disorder = findDisorder(chain, what);
  if (disorder) return { fault: disorder };
  const trusted = certificatesOf(roots);
  const anchor = findAnchor(chain, trusted, now);
  return anchor ? { anchor } : { fault: noAnchor(chain, trusted, what) };
}

/** What is not where it belongs. The last word of the chain, who issued its end, is not spoken here. */
function findDisorder(chain: readonly X509Certificate[], what: string): TLSError | undefined {
  for (let at = 1; at < chain.length; at++) {
    const below = chain[at - 1] as X509Certificate;
    const here = chain[at] as X509Certificate;
    const fault = issuedBy(below, here) ? notAnAuthority(here, at, what) : misplaced(chain, at, what);
    if (fault) return fault;
  }
  return undefined;
}

function notAnAuthority(certificate: X509Certificate, at: number, what: string): TLSError | undefined {
  // a root of version 1 has nothing to say that it is one with
  if (certificate.ca || isSelfSigned(certificate)) return undefined;
  const got = `${subjectOf(certificate)}, which may not issue any`;
  return refused('TLS_CHAIN_ORDER', `${what}: expected an authority as certificate ${at + 1}, got ${got}`);
}

function misplaced(chain: readonly X509Certificate[], at: number, what: string): TLSError {
  const below = chain[at - 1] as X509Certificate;
  const here = chain[at] as X509Certificate;
  const wanted = `${issuerOf(below)}, which issued ${subjectOf(below)}`;
  const order = `expected as certificate ${at + 1} that of ${wanted}, got ${subjectOf(here)}`;
  if (chain.some((one) => one !== below && issuedBy(below, one))) {
    return refused('TLS_CHAIN_ORDER', `${what}: ${order}: the order is wrong`);
  }
  if (below.checkIssued(here)) {
    const got = `one of that name with another key`;
    const hint = 'authorities renew their certificates: ask for the intermediate that belongs to this one';
    return refused('TLS_CHAIN_INCOMPLETE', `${what}: expected the certificate of ${wanted}, got ${got}`, hint);
  }
  if (!here.ca && !isSelfSigned(here)) {
    return refused(
      'TLS_CHAIN_ORDER',
      `${what}: ${order}: a second certificate of a server`,
      'leave only one of them in the file',
    );
  }
  if (isSelfSigned(below)) {
    return refused(
      'TLS_CHAIN_ORDER',
      `${what}: expected nothing behind ${subjectOf(below)}, which signed itself, got ${subjectOf(here)}`,
    );
  }
  return refused('TLS_CHAIN_INCOMPLETE', `${what}: ${order}: an intermediate is missing`, missing(below));
}

/** The authority that issued a link of the chain, or is one; one that is valid now goes before others. */
function findAnchor(chain: readonly X509Certificate[], trusted: readonly X509Certificate[], now: Date) {
  const anchors = chain.flatMap((link) =>
    trusted.filter((root) => (root.raw.equals(link.raw) || issuedBy(link, root)) && isSelfSigned(root)),
  );
  return anchors.find((root) => now >= root.validFromDate && now <= root.validToDate) ?? anchors[0];
}

function noAnchor(chain: readonly X509Certificate[], trusted: readonly X509Certificate[], what: string): TLSError {
  const last = chain.at(-1) as X509Certificate;
  const issuer = issuerOf(last);
  if (isSelfSigned(last)) {
    const it = chain.length === 1 ? 'which signed itself' : 'where it ends';
    return refused(
      'TLS_ROOT_UNKNOWN',
      `${what}: expected an authority that is trusted here, got ${subjectOf(last)}, ${it}`,
    );
  }
  const above = trusted.find((one) => issuedBy(last, one));
  const wanted = `the certificate of ${issuer}, which issued ${subjectOf(last)}`;
  if (above) {
    const hint = `put it behind the others, into the same file: servers send only what stands there`;
    return refused(
      'TLS_CHAIN_INCOMPLETE',
      `${what}: expected ${wanted}, in the file, got it only among the authorities`,
      hint,
    );
  }
  if (trusted.some((one) => last.checkIssued(one))) {
    const got = `one that another ${issuer} issued, with another key`;
    return refused('TLS_ROOT_UNKNOWN', `${what}: expected a chain to an authority that is trusted here, got ${got}`);
  }
  if (chain.length > 1) {
    const hint = `where ${issuer} is an authority of your own: --ca FILE with its certificate; else an intermediate is missing`;
    return refused(
      'TLS_ROOT_UNKNOWN',
      `${what}: expected a chain to an authority that is trusted here, got one to ${issuer}`,
      hint,
    );
  }
  return refused('TLS_CHAIN_INCOMPLETE', `${what}: expected ${wanted}, got nothing behind it`, missing(last));
}

function missing(certificate: X509Certificate): string {
  const issuer = issuerOf(certificate);
  return `put the certificate of ${issuer} behind it, into the same file; where it is a root of your own: --ca FILE`;
}

function refused(code: TLSCode, message: string, hint?: string): TLSError {
  return new TLSError(`check ${message}`, { code, ...(hint !== undefined && { hint }) });
}
