/**
 * Whether logins can be had: the discovery document of an issuer (OpenID Connect Discovery 1.0 §4), its `issuer` the
 * very address that was asked for, and the keys that it names.
 */
import { spellOut } from '../../errors.ts';
import { shownURL } from '../../http/index.ts';
import { type Attempt, CheckFailure, type Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';
import { addressOf } from './address.ts';
import { fetchObject, unexpected } from './document.ts';

const WELL_KNOWN = '/.well-known/openid-configuration';

export async function checkOIDC(target: CheckTarget, attempt: Attempt): Promise<Found> {
  const given = addressOf(target, 'https:');
  const issuer = shownURL(given).replace(new RegExp(`${WELL_KNOWN.replaceAll('.', '\\.')}$`), '');
  const url = new URL(issuer.replace(/\/$/, '') + WELL_KNOWN);
  const hint = 'is it the address of the issuer, with its realm or tenant (Keycloak: …/realms/NAME)';
  const options = { attempt, expected: 'an OpenID discovery document', hint };
  const document = await fetchObject(url, options);
  if (typeof document['issuer'] !== 'string') throw unexpected(url, 'JSON without issuer', options);
  if (!isIssuer(document['issuer'], issuer, target)) throw otherIssuer(issuer, document['issuer']);
  const keys = await countKeys(document['jwks_uri'], { url, attempt });
  const { words, facts } = attempt.certificate();
  const detail = `${issuer} is an OpenID issuer with ${keys} key${keys === 1 ? '' : 's'}${attempt.byProxy(url)}${words}`;
  return { stage: 'protocol', detail, facts: { issuerURL: issuer, keys, ...facts } };
}

/** Exactly the same, as tokens will be judged; of a bare host the slash at its end is nobody's choice; a tenant may stand open. */
function isIssuer(said: string, issuer: string, { url }: CheckTarget): boolean {
  const pattern = said.replace('{tenantid}', () => /^https:\/\/[^/]+\/([^/]+)/.exec(issuer)?.[1] ?? '');
  const isBare = url === undefined || new URL(issuer).pathname === '/';
  return pattern === issuer || (isBare && pattern.replace(/\/$/, '') === issuer.replace(/\/$/, ''));
}

function otherIssuer(issuer: string, said: string): CheckFailure {
  const shown = URL.canParse(said) ? shownURL(new URL(said)) : `"${spellOut(said.slice(0, 100))}"`;
  return new CheckFailure({
    stage: 'protocol',
    detail: `compare the issuer: expected ${issuer}, got ${shown}`,
    hint: 'the provider knows itself by another name (host, port, slash at the end): configure that one, or its public address; its tokens will be refused otherwise',
    facts: { expected: issuer, got: shown },
  });
}

async function countKeys(address: unknown, { url, attempt }: { url: URL; attempt: Attempt }): Promise<number> {
  const hint = 'without the keys no token can be judged: is the host of jwks_uri open too';
  const options = { attempt, expected: 'the keys of the issuer (jwks_uri)', hint };
  const isWeb = typeof address === 'string' && URL.canParse(address) && /^https?:/.test(address);
  if (!isWeb) throw unexpected(url, 'no address of them', options);
  const at = new URL(address);
  if (url.protocol === 'https:' && at.protocol === 'http:') throw unexpected(url, 'an address without TLS', options);
  const { keys } = await fetchObject(at, options);
  if (!Array.isArray(keys) || keys.length === 0) throw unexpected(at, 'none', options);
  return keys.length;
}
