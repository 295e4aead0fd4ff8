/** The way to the engine of DOCKER_HOST, taken when a command is ready for it. */
import type { Engine } from '../docker/index.ts';
import type { Session } from './session.ts';

/** Opens the engine. The command as it was typed goes into the hint that says how to get the privilege. */
export function engineOf(session: Session): (socket?: string) => Promise<Engine> {
  return async (socket) => {
    const { connectEngine } = await import('../docker/index.ts');
    const { env } = session.io;
    // whoever goes on with a transaction goes to the engine that it is about, also at boot, where nothing is set
    const at = socket === undefined ? env : { ...env, DOCKER_HOST: socket };
    return connectEngine({ env: at, command: typedCommand(session) });
  };
}

/**
 * The command as it was typed, for a line with sudo. What stands in the environment is not there under sudo, so it goes
 * before the command; DOCKER_HOST too, unless whoever builds the line puts it there.
 */
export function typedCommand({ argv, io }: Session, { withEngine = false } = {}): string {
  const engine = withEngine ? ['DOCKER_HOST', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH'] : [];
  const settings = [...engine, 'FERRY_STATE', 'FERRY_PREFIX'].flatMap((name) => {
    const value = io.env[name];
    return value ? [`${name}=${quote(value)}`] : [];
  });
  return [...settings, 'ferry', ...argv.map(quote)].join(' ');
}

/** As a POSIX shell reads it back. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
