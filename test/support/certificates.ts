/**
 * Certificates for test servers, made by openssl in a temporary folder: one authority, a server certificate for the
 * loopback names (and any others asked for), and a client certificate. Never trusted by anything but the test.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface KeyPair {
  readonly certPEM: string;
  readonly keyPEM: string;
}

export interface TestCertificates {
  readonly caPEM: string;
  readonly server: KeyPair;
  readonly client: KeyPair;
}

/** Makes an authority and the two certificates under it. `names` are further DNS names of the server. */
export async function makeCertificates(names: readonly string[] = []): Promise<TestCertificates> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-test-certs-'));
  try {
    await run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '3650'],
      ...['-keyout', join(dir, 'ca.key'), '-out', join(dir, 'ca.pem'), '-subj', '/CN=ferry test authority'],
    ]);
    const alt = ['IP:127.0.0.1', 'IP:::1', 'DNS:localhost', ...names.map((name) => `DNS:${name}`)].join(',');
    const server = await issue(dir, 'server', `subjectAltName=${alt}`);
    const client = await issue(dir, 'client', 'extendedKeyUsage=clientAuth');
    return { caPEM: await readFile(join(dir, 'ca.pem'), 'utf8'), server, client };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function issue(dir: string, name: string, extension: string): Promise<KeyPair> {
  const path = (suffix: string) => join(dir, `${name}.${suffix}`);
  await writeFile(path('ext'), `${extension}\n`);
  await run('openssl', [
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${name}`],
  ]);
  await run('openssl', [
    ...['x509', '-req', '-in', path('csr'), '-CA', join(dir, 'ca.pem'), '-CAkey', join(dir, 'ca.key')],
    ...['-CAcreateserial', '-days', '3650', '-extfile', path('ext'), '-out', path('pem')],
  ]);
  return { certPEM: await readFile(path('pem'), 'utf8'), keyPEM: await readFile(path('key'), 'utf8') };
}
