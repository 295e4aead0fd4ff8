/** The roots that certificates may end at: for each chain only those that could be its own, since a system has hundreds. */
import { X509Certificate } from 'node:crypto';
import { systemRoots } from '../tls/index.ts';

/** PEM of the system's roots that call themselves as an issuer of this chain. */
export type FindRoots = (chain: readonly X509Certificate[]) => readonly string[];

/** Reads the system's roots once for all chains of an export. */
export function openKnownRoots(): FindRoots {
  let bySubject: ReadonlyMap<string, readonly string[]> | undefined;
  return (chain) => {
    bySubject ??= readRoots();
    const found = chain.flatMap(({ issuer }) => bySubject?.get(issuer) ?? []);
    return [...new Set(found)];
  };
}

function readRoots(): ReadonlyMap<string, readonly string[]> {
  const named = systemRoots().flatMap((pem) => {
    const subject = findSubject(pem);
    return subject === undefined ? [] : [{ pem, subject }];
  });
  const groups = Map.groupBy(named, ({ subject }) => subject);
  return new Map([...groups].map(([subject, group]) => [subject, group.map(({ pem }) => pem)]));
}

/** A system's store may hold anything. */
function findSubject(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).subject;
  } catch {
    return undefined;
  }
}
