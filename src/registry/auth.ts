/**
 * The Authorization of each request: learnt from the registry's challenge, kept for a repository, asked for anew when a
 * token is about to end or was refused. Many requests at once wait for one token. Credentials go to the token server
 * that the registry names, or to the registry itself for Basic, and nowhere else.
 */
import type { Environment, Retries } from '../http/index.ts';
import { type Challenge, findChallenge } from './challenge.ts';
import { basicHeader, type Credentials } from './credential.ts';
import { findCredentials } from './credentials.ts';
import type { Endpoint } from './endpoint.ts';
import { fetchToken, type Token, type TokenOptions } from './token.ts';

export interface AuthOptions extends Omit<TokenOptions, 'retries'> {
  readonly env: Environment;
  readonly newRetries: () => Retries;
}

/** A token that is being asked for, or is here. */
interface Held {
  readonly asked: Promise<Token>;
  token?: Token;
}

type Bearer = Extract<Challenge, { scheme: 'bearer' }>;

/** What one client knows of who it is, and to whom. */
export class Auth {
  readonly #options: AuthOptions;
  readonly #challenges = new Map<string, Challenge>();
  readonly #tokens = new Map<string, Held>();
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>();

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** The credentials for an endpoint's host; looked up once. @throws {RegistryError} `CREDENTIALS_INVALID` */
  credentialsFor({ host }: Endpoint): Promise<Credentials | undefined> {
    const { env, signal } = this.#options;
    const known = this.#credentials.get(host) ?? findCredentials(host, { env, signal });
    this.#credentials.set(host, known);
    return known;
  }

  /** The header by what is known so far; `undefined` before the first challenge. @throws as {@link fetchToken} */
  async header(endpoint: Endpoint): Promise<string | undefined> {
    const challenge = this.#challenges.get(endpoint.base.href);
    if (!challenge) return undefined;
    const credentials = await this.credentialsFor(endpoint);
    if (challenge.scheme === 'basic') return credentials?.kind === 'password' ? basicHeader(credentials) : undefined;
    if (credentials?.kind === 'registry') return `Bearer ${credentials.token}`;
    return `Bearer ${(await this.#token(endpoint, challenge, credentials)).value}`;
  }

  /**
   * Takes a 401's `WWW-Authenticate`: the header to try again with, or `undefined` when there is nothing better than
   * what was `sent`.
   */
  async answer(
    endpoint: Endpoint,
    { challenge, sent }: { readonly challenge: string | undefined; readonly sent: string | undefined },
  ): Promise<string | undefined> {
    const found = findChallenge(challenge ?? '');
    if (!found) return undefined;
    const key = endpoint.base.href;
    this.#challenges.set(key, found);
    // Another request may have renewed it meanwhile: only the very token that was refused is thrown away.
    const value = this.#tokens.get(key)?.token?.value;
    if (value !== undefined && `Bearer ${value}` === sent) this.#tokens.delete(key);
    const next = await this.header(endpoint);
    return next === sent ? undefined : next;
  }

  #token(endpoint: Endpoint, challenge: Bearer, credentials: Credentials | undefined): Promise<Token> {
    const key = endpoint.base.href;
    const known = this.#tokens.get(key);
    if (known && (known.token === undefined || known.token.renewAt > this.#options.now())) return known.asked;
    const { host, repository } = endpoint;
    // At `/v2/` itself there is no repository to ask for.
    const scope = repository === '' ? '' : `repository:${repository}:pull`;
    const options = { ...this.#options, retries: this.#options.newRetries() };
    const held: Held = { asked: fetchToken({ challenge, scope, credentials, host }, options) };
    this.#tokens.set(key, held);
    const drop = () => this.#tokens.get(key) === held && this.#tokens.delete(key);
    held.asked.then((token) => {
      held.token = token;
    }, drop);
    return held.asked;
  }
}
