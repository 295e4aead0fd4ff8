/**
 * Whether a certificate may take the place of the one in use. Pure: names, roots and the clock come from outside. All that
 * is wrong is found, the most telling first; each fault has a code and words of its own (docs/tls.md has them all).
 */
import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { isSelfSigned, sentOf } from './chain.ts';
import { coversName } from './covers.ts';
import { type TLSCode, TLSError } from './error.ts';
import { fingerprintOf, issuerOf, namesOf, spkiOf, subjectOf } from './facts.ts';
import { judgeChain } from './judge-chain.ts';
import { kindOfKey } from './key.ts';
import type { Material } from './material.ts';
import { weaknessOfKey, weaknessOfSignature } from './strength.ts';
import { misfitOfUsage } from './usage.ts';

/** What a certificate is held to. */
export interface TLSRules {
  /** Each must be covered: DNS names and IP addresses. */
  readonly names: readonly string[];
  /** The one in use: its names must stay, and the new one must not end sooner (unless that one has ended by {@link now}). */
  readonly current?: { readonly names: readonly string[]; readonly notAfter: Date } | undefined;
  /** Whom a chain may end at, PEM: self-signed certificates. Others among them are passed over. */
  readonly roots: readonly string[];
  /** By the trust clock. */
  readonly now: Date;
  /** Take one that ends before the one in use. @default false */
  readonly allowShorter?: boolean | undefined;
  /** Take one for fewer names than the one in use. @default false */
  readonly allowFewerNames?: boolean | undefined;
  /** Names the certificate in errors: a path. */
  readonly what: string;
}

/** A certificate that was found good. */
export interface JudgedCertificate {
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly issuer: string;
  readonly spki: string;
  readonly fingerprint: string;
  /** It ends before the one in use: `allowShorter` was needed. */
  readonly isShorter: boolean;
  /** Names of the one in use that it is not for: `allowFewerNames` was needed. */
  readonly droppedNames: readonly string[];
}

/**
 * Refuses a certificate that clients would not take, or that is less than the one in use. A material without a key is
 * judged without one.
 * @throws {TLSError} the most telling fault; all of them in `errors` where there are several
 */
export function judgeCertificate(material: Material, rules: TLSRules): JudgedCertificate {
  const { chain } = material;
  const [leaf] = chain;
  if (leaf === undefined) throw new RangeError('a material has at least one certificate');
  const misplaced = leafElsewhere(material, leaf, rules);
  if (misplaced) throw misplaced;
  const { anchor, fault } = judgeChain(chain, rules);
  const judged = factsOf(leaf, rules);
  const links = [...sentOf(chain), ...(anchor && !chain.some((one) => one.raw.equals(anchor.raw)) ? [anchor] : [])];
  refuseAny([
    fault?.code === 'TLS_CHAIN_ORDER' ? fault : undefined,
    ...keyFaults(material, leaf, rules),
    ...chain.map((link, at) => useFault(link, { ...rules, isLeaf: at === 0 })),
    fault?.code === 'TLS_CHAIN_ORDER' ? undefined : fault,
    ...links.map((link, at) => dateFault(link, { ...rules, isLeaf: at === 0 })),
    ...links.map((link, at) => strengthFault(link, { ...rules, isLeaf: at === 0 })),
    ...nameFaults(leaf, judged, rules),
    shorterFault(judged, rules),
  ]);
  return judged;
}

function factsOf(leaf: X509Certificate, { current, now }: TLSRules): JudgedCertificate {
  const endsSooner = current !== undefined && current.notAfter >= now && leaf.validToDate < current.notAfter;
  return {
    names: namesOf(leaf),
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    issuer: issuerOf(leaf),
    spki: spkiOf(leaf),
    fingerprint: fingerprintOf(leaf),
    isShorter: endsSooner,
    droppedNames: (current?.names ?? []).filter((name) => !coversName(leaf, name)),
  };
}

function refuseAny(faults: readonly (TLSError | undefined)[]): void {
  const all = faults.filter((fault) => fault !== undefined);
  const [first] = all;
  if (first === undefined) return;
  if (all.length === 1) throw first;
  const { message, code, facts, hint } = first;
  throw new TLSError(message, { code, facts, errors: all, ...(hint !== undefined && { hint }) });
}

/** The server's own is in the file, and not the first: nothing else is worth saying of what comes first. */
function leafElsewhere({ chain, keyPEM }: Material, first: X509Certificate, { what }: TLSRules): TLSError | undefined {
  const key = keyPEM === undefined ? undefined : createPrivateKey(keyPEM);
  const isFirst = key === undefined ? !first.ca : first.checkPrivateKey(key);
  if (isFirst) return undefined;
  const at = chain.findIndex((one) => (key === undefined ? !one.ca : one.checkPrivateKey(key)));
  if (at < 0) return undefined;
  const own = key === undefined ? "the server's own certificate" : 'the certificate of the key';
  return fault('TLS_CHAIN_ORDER', what, `${own} first, got it as certificate ${at + 1}, behind ${subjectOf(first)}`);
}

function keyFaults({ keyPEM }: Material, leaf: X509Certificate, { what }: TLSRules): (TLSError | undefined)[] {
  if (keyPEM === undefined || leaf.checkPrivateKey(createPrivateKey(keyPEM))) return [];
  const kinds = [kindOfKey(leaf.publicKey), kindOfKey(createPrivateKey(keyPEM))] as const;
  const got = kinds[0] === kinds[1] ? `another ${kinds[1]} key` : `one of ${kinds[1]}`;
  return [fault('TLS_KEY_MISMATCH', what, `the key of ${subjectOf(leaf)}, of ${kinds[0]}, got ${got}`)];
}

type LinkRules = TLSRules & { readonly isLeaf: boolean };

function useFault(link: X509Certificate, { what, isLeaf }: LinkRules): TLSError | undefined {
  const who = subjectOf(link);
  if (isLeaf && link.ca) return fault('TLS_IS_CA', what, `a server's certificate, got that of an authority, ${who}`);
  const misfit = misfitOfUsage(link, { isLeaf });
  return misfit === undefined ? undefined : fault('TLS_NOT_FOR_SERVERS', isLeaf ? what : `${what}: ${who}`, misfit);
}

function dateFault(link: X509Certificate, { now, what, isLeaf }: LinkRules): TLSError | undefined {
  const whose = isLeaf ? 'a certificate' : `the certificate of ${subjectOf(link)}`;
  const expected = `${whose} that is valid at ${now.toISOString()}`;
  if (now < link.validFromDate)
    return fault('TLS_NOT_YET_VALID', what, `${expected}, got one from ${link.validFromDate.toISOString()} on`);
  if (now > link.validToDate)
    return fault('TLS_EXPIRED', what, `${expected}, got one that ended at ${link.validToDate.toISOString()}`);
  return undefined;
}

/** How a root signed itself proves nothing, and is not looked at: it is trusted by itself. */
function strengthFault(link: X509Certificate, { what, isLeaf }: LinkRules): TLSError | undefined {
  const at = isLeaf ? what : `${what}: ${subjectOf(link)}`;
  const key = weaknessOfKey(link.publicKey, { isLeaf });
  if (key !== undefined) return new TLSError(`check ${at}: ${key}`, { code: 'TLS_KEY_WEAK' });
  const signature = !isLeaf && isSelfSigned(link) ? undefined : weaknessOfSignature(link);
  return signature === undefined
    ? undefined
    : new TLSError(`check ${at}: ${signature}`, { code: 'TLS_SIGNATURE_WEAK' });
}

function nameFaults(leaf: X509Certificate, judged: JudgedCertificate, rules: TLSRules): (TLSError | undefined)[] {
  const { names, droppedNames } = judged;
  const { what, allowFewerNames = false } = rules;
  const got = names.length > 0 ? `one for ${names.join(', ')}` : noNames(leaf);
  const missing = rules.names.filter((name) => !coversName(leaf, name));
  const dropped = droppedNames.filter((name) => !missing.includes(name));
  return [
    missing.length > 0 || names.length === 0
      ? fault('TLS_NAME_MISSING', what, `a certificate for ${missing.join(', ') || 'some name'}, got ${got}`, {
          missing,
        })
      : undefined,
    dropped.length > 0 && !allowFewerNames
      ? fault(
          'TLS_NAME_DROPPED',
          what,
          `it to be for all names of the one in use, got none for ${dropped.join(', ')}`,
          { dropped },
        )
      : undefined,
  ];
}

function noNames({ subject }: X509Certificate): string {
  const common = /^CN=(.+)$/m.exec(subject ?? '')?.[1];
  const only = common === undefined ? '' : `: browsers do not look at its common name, ${common}`;
  return `one without subject alternative names${only}`;
}

function shorterFault({ isShorter, notAfter }: JudgedCertificate, { current, allowShorter = false, what }: TLSRules) {
  if (!isShorter || allowShorter || current === undefined) return undefined;
  const expected = `it not to end before the one in use, ${current.notAfter.toISOString()}`;
  return fault('TLS_SHORTER', what, `${expected}, got ${notAfter.toISOString()}`);
}

function fault(code: TLSCode, what: string, expected: string, facts: Readonly<Record<string, unknown>> = {}): TLSError {
  return new TLSError(`check ${what}: expected ${expected}`, { code, facts });
}
