/** Whether a server on this host speaks TLS: asked by a handshake that trusts anybody and sends nothing. */
import { connect } from 'node:tls';

const PATIENCE_MS = 3000;

/**
 * Whether the port answers a TLS handshake. `false` also where nobody listens: the request that follows says so
 * better. An alert in the handshake (it wants a client certificate) is TLS too.
 */
export function speaksTLS({ hostname, port }: { readonly hostname: string; readonly port: number }): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: PATIENCE_MS });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('secureConnect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', (error) => end('code' in error && /ALERT/.test(String(error.code))));
  });
}
