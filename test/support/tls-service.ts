/**
 * A small true TLS server on loopback that serves a certificate as it was when it was last told to look: its reload copies
 * the two files, as a server reads them into its memory. One that is told by another line never looks again.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createSecureContext, TLSSocket } from 'node:tls';

export interface TLSService {
  readonly port: number;
  /** A shell's line that makes it look again. */
  readonly reload: string;
  /** The fingerprint that a client of its own sees; `undefined` where none is served. */
  served(): Promise<string | undefined>;
  /** Looks at the files by itself, as at a start. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @param dir the folder of `fullchain.pem` and `privkey.pem`; nothing is served before they are read */
export async function startTLSService(dir: string): Promise<TLSService> {
  const live = await mkdtemp(join(tmpdir(), 'ferry-tls-'));
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    contextIn(live).then(
      (secureContext) => new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => {}),
      () => socket.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const files = ['fullchain.pem', 'privkey.pem'];
  return {
    port,
    reload: `cp ${files.map((name) => join(dir, name)).join(' ')} ${live}/`,
    served: () => servedAt(port),
    start: async () => {
      await mkdir(live, { recursive: true });
      for (const name of files) await copyFile(join(dir, name), join(live, name));
    },
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(live, { recursive: true, force: true });
    },
  };
}

async function contextIn(dir: string) {
  const [cert, key] = [await readFile(join(dir, 'fullchain.pem')), await readFile(join(dir, 'privkey.pem'))];
  return createSecureContext({ cert, key });
}

function servedAt(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase());
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}
