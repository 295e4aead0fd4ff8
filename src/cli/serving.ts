/** How a new certificate is put into use: the options that `import`, `rollback` and `tls install` share, and what they mean. */
import type { Command } from 'commander';
import type { HostPort } from '../manifest/index.ts';
import { CliError } from './error.ts';
import { wholeNumber } from './options.ts';

/** What is given of them. */
export interface ServingOptions {
  readonly reload?: string;
  readonly probe?: string;
  readonly probeTimeout?: number;
}

/** `--reload`, `--probe` and `--probe-timeout`. */
export function withServing(command: Command): Command {
  return command
    .option('--reload <cmd>', 'tell what serves the certificate with this line of a shell')
    .option('--probe <host:port>', 'where the new certificate must then be served')
    .option('--probe-timeout <seconds>', 'how long that may take (default 15)', wholeNumber);
}

/** What the site's room takes. */
export interface Serving {
  readonly reload: string | undefined;
  readonly probe: HostPort | undefined;
  readonly probeTimeoutMs: number | undefined;
}

/** The options as they are meant. @throws {CliError} `USAGE` for an address that is none */
export async function servingOf({ reload, probe, probeTimeout }: ServingOptions): Promise<Serving> {
  if (reload !== undefined && reload.trim() === '') throw usage('--reload: expected a line of a shell, got none');
  const address = probe === undefined ? undefined : await probeOf(probe);
  return { reload, probe: address, probeTimeoutMs: probeTimeout === undefined ? undefined : probeTimeout * 1000 };
}

/** What `--probe` names. @throws {CliError} `USAGE` */
export async function probeOf(text: string): Promise<HostPort> {
  const { findHostPort } = await import('../manifest/index.ts');
  const found = findHostPort(text);
  if (found === undefined) throw usage(`--probe: expected HOST:PORT, such as 127.0.0.1:443, got "${text}"`);
  return found;
}

function usage(message: string): CliError {
  return new CliError(message, { code: 'USAGE' });
}
