/**
 * A handshake in this process with exactly the bytes that are to be installed, before anything is changed: OpenSSL reads
 * the files as a server does, and verifies them as a client does, with the authorities of the clients and nothing else.
 */
import { duplexPair } from 'node:stream';
import { checkServerIdentity, connect, createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import { certificatesOf, isSelfIssued } from './chain.ts';
import { TLSError } from './error.ts';
import { judgeChain } from './judge-chain.ts';
import { canonicalIP } from './name.ts';

export interface RehearseOptions {
  /** As it will be written. */
  readonly fullchainPEM: string;
  /** As it will be written. Secret. */
  readonly keyPEM: string;
  /** Whom the client trusts, PEM; others than self-signed ones are passed over, as clients have none. */
  readonly roots: readonly string[];
  /** What the client asks for: a DNS name, perhaps with `*.` in front, or an IP address. */
  readonly name: string;
}

/** The system's clock is not ours: {@link judgeCertificate} has looked at the dates. */
const DATES = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'];

/** Nothing here waits for anybody; a handshake that stands still is a mistake of ours or OpenSSL's. */
const PATIENCE_MS = 10_000;

/**
 * Serves the files to a client that trusts the roots and asks for the name, by TLS 1.2 and 1.3. Dates are judged
 * elsewhere, by the trust clock.
 * @throws {TLSError} `TLS_REHEARSAL`
 */
export async function rehearse(options: RehearseOptions): Promise<void> {
  const { fullchainPEM: cert, keyPEM: key } = options;
  const server = contextOf({ cert, key }, 'a server to take the certificate and the key');
  const ca = certificatesOf(options.roots).filter(isSelfIssued);
  const client = contextOf({ ca: ca.map((one) => one.toString()) }, 'a client to take the authorities');
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    await play({ server, client, version, name: options.name.replace(/^\*\./, 'rehearsal.') }, options);
  }
}

interface Handshake {
  readonly server: ReturnType<typeof createSecureContext>;
  readonly client: ReturnType<typeof createSecureContext>;
  readonly version: SecureVersion;
  readonly name: string;
}

/** One that Node.js refuses is played again, to be refused in words: without, it says only what has a code of its own. */
async function play(handshake: Handshake, files: RehearseOptions): Promise<void> {
  const { version, name } = handshake;
  const expected = `${version}: expected a client to take it for ${name}`;
  const { verified, identity } = await shake(handshake);
  if (verified !== undefined && !DATES.includes(verified))
    throw refused(`${expected}, got ${await wordsOf(handshake, verified)}`);
  // OpenSSL tells the last fault that it finds, and the leaf's date comes after what is wrong with its chain
  const hidden = verified === undefined ? undefined : chainFault(files);
  if (hidden !== undefined) throw refused(hidden.message);
  if (identity !== undefined) throw refused(`${expected}, got ${said(identity)}`);
}

interface Shaken {
  /** The code of what is wrong with the chain. */
  readonly verified: string | undefined;
  /** What is wrong with its names. */
  readonly identity: Error | undefined;
}

async function shake(handshake: Handshake, rejectUnauthorized = false): Promise<Shaken> {
  const { server, client, version, name } = handshake;
  const [near, far] = duplexPair();
  const served = new TLSSocket(far, { isServer: true, secureContext: server });
  const asking = connect({
    socket: near,
    secureContext: client,
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized,
    checkServerIdentity: () => undefined,
    ...(canonicalIP(name) === undefined && { servername: name }),
  });
  const timer = setTimeout(() => asking.destroy(new Error('nothing came within 10 s')), PATIENCE_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      asking.once('secureConnect', resolve).once('error', reject);
      asking.once('close', () => reject(new Error('it was ended')));
      served.once('error', reject);
    });
    const verified: unknown = asking.authorizationError ?? undefined;
    return {
      verified: verified === undefined ? undefined : codeOf(verified),
      identity: checkServerIdentity(name, asking.getPeerCertificate()),
    };
  } catch (error) {
    if (rejectUnauthorized) throw error;
    throw refused(`${version}: expected a handshake, got ${said(error)}`);
  } finally {
    clearTimeout(timer);
    for (const socket of [asking, served]) socket.on('error', () => {}).destroy();
  }
}

async function wordsOf(handshake: Handshake, code: string): Promise<string> {
  return shake(handshake, true).then(
    () => code,
    (error: unknown) => said(error),
  );
}

function chainFault({ fullchainPEM, roots }: RehearseOptions): Error | undefined {
  const chain = certificatesOf([fullchainPEM]);
  const now = chain[0]?.validToDate ?? new Date(0);
  return judgeChain(chain, { roots, now, what: 'its chain' }).fault;
}

/** OpenSSL takes the bytes of a server as a server would. Its words never quote a key; a cause could. */
function contextOf(options: Parameters<typeof createSecureContext>[0], expected: string) {
  try {
    return createSecureContext(options);
  } catch (error) {
    throw refused(`expected ${expected}, got ${said(error)}`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** The words of OpenSSL or Node.js and their code, on one line. */
function said(error: unknown): string {
  const code = codeOf(error);
  const { message = code } = error instanceof Error ? error : {};
  // error:05800074:x509 certificate routines::key values mismatch
  const line = (message.split('\n')[0] ?? '').replace(/^error:[0-9A-F]+:[^:]*:[^:]*:/, '').trim();
  return line === code || code.includes(line) ? code : `${line} (${code})`;
}

function refused(why: string): TLSError {
  return new TLSError(`rehearse a handshake: ${why}`, { code: 'TLS_REHEARSAL' });
}
