/** How bytes reach the engine: a kept-alive agent for each kind of address; certificates are read here. */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { Agent as TLSAgent } from 'node:https';
import { isErrno } from '../content/index.ts';
import type { EngineAddress, EngineEnvironment, TLSFiles } from './address.ts';
import { DockerError } from './error.ts';
import { sshAgent } from './ssh.ts';

/** The agent for an address. @throws {DockerError} `ENGINE_TLS` when a certificate or key can't be read */
export function agentFor(address: EngineAddress, env: EngineEnvironment): Agent {
  if (address.kind === 'ssh') return sshAgent({ args: address.args, env });
  if (address.kind === 'tcp' && address.tls !== undefined) {
    return new TLSAgent({ keepAlive: true, maxSockets: 8, minVersion: 'TLSv1.2', ...readCertificates(address.tls) });
  }
  return new Agent({ keepAlive: true, maxSockets: 8 });
}

/** The CA must be there; a client certificate only when there is one, as Docker's client has it. */
function readCertificates(files: TLSFiles): { ca: Buffer; cert?: Buffer; key?: Buffer } {
  const ca = readCertificate(files.ca);
  const [cert, key] = [findCertificate(files.cert), findCertificate(files.key)];
  return { ca, ...(cert && key ? { cert, key } : {}) };
}

function findCertificate(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw new DockerError(`read engine certificate ${path}: expected a readable file, got ${String(error)}`, {
      code: 'ENGINE_TLS',
      cause: error,
    });
  }
}

function readCertificate(path: string): Buffer {
  const bytes = findCertificate(path);
  if (bytes !== undefined) return bytes;
  throw new DockerError(`read engine certificate ${path}: expected a file, got none`, {
    code: 'ENGINE_TLS',
    hint: 'DOCKER_TLS_VERIFY asks for ca.pem (and cert.pem, key.pem) in DOCKER_CERT_PATH, or in ~/.docker',
  });
}
