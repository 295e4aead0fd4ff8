/**
 * Who we are to a registry: GHCR_TOKEN for ghcr.io, then Docker's configuration (credHelpers, credsStore, auths), then
 * GITHUB_TOKEN for ghcr.io, which a machine may hold for other ends. Where a secret came from is kept beside it, so
 * that an error can name the place and never the secret.
 */
import type { Environment } from '../http/index.ts';
import type { Credentials } from './credential.ts';
import { askHelper } from './credential-helper.ts';
import { findDockerConfig } from './docker-config.ts';

export interface CredentialsOptions {
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The credentials for a host, or `undefined` to go without.
 *
 * @throws {RegistryError} `CREDENTIALS_INVALID` for a configuration or a helper that can't be used
 */
export async function findCredentials(host: string, options: CredentialsOptions): Promise<Credentials | undefined> {
  const { env } = options;
  if (host === 'ghcr.io' && env['GHCR_TOKEN']) return githubToken(env, 'GHCR_TOKEN', env['GHCR_TOKEN']);
  const configured = await findConfigured(host, options);
  if (configured) return configured;
  if (host === 'ghcr.io' && env['GITHUB_TOKEN']) return githubToken(env, 'GITHUB_TOKEN', env['GITHUB_TOKEN']);
  return undefined;
}

/** ghcr.io takes any user name with a token. */
function githubToken(env: Environment, source: string, password: string): Credentials {
  return { kind: 'password', username: env['GITHUB_ACTOR'] || 'ferry', password, source };
}

async function findConfigured(host: string, options: CredentialsOptions): Promise<Credentials | undefined> {
  const config = await findDockerConfig(options.env);
  if (!config) return undefined;
  const helper = config.helperFor(host);
  const helped = helper === undefined ? undefined : await askHelper(helper, { ...options, server: config.keyOf(host) });
  return helped ?? config.findAuth(host);
}
