/**
 * Debian's docker-registry on a free loopback port with its own storage, for tests that want the real thing: plain,
 * with TLS, with Basic auth; and pushing of built images into it. A server that misbehaves is in fake-registry.ts.
 * A registry ends with `stop()`, and with this process at the latest.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestCertificates } from './certificates.ts';
import { type BuiltContent, type BuiltImage, buildImage, busyboxLayer, type ImageSpec } from './registry-images.ts';
import { layerTar } from './tar.ts';

export { type BuiltImage, buildImage, busyboxLayer, generatedLayer, type ImageSpec, noise } from './registry-images.ts';
export { layerTar } from './tar.ts';

/** The one account of a registry with auth, and its line in the htpasswd file (bcrypt, cost 5). */
export const ACCOUNT = { username: 'carrier', password: 'open sesame' } as const;
const HTPASSWD = 'carrier:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n';

export interface StartRegistryOptions {
  readonly tls?: TestCertificates;
  /** Basic auth with {@link ACCOUNT}. @default false */
  readonly auth?: boolean;
}

export interface TestRegistry {
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly options: StartRegistryOptions;
  /** Where the registry keeps its content, for tests that damage it. */
  readonly storage: string;
  stop(): Promise<void>;
}

/** Starts a registry and waits until it listens. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-test-registry-'));
  await writeFile(join(dir, 'config.yml'), JSON.stringify(await settings(dir, options)));
  const child = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
    await rm(dir, { recursive: true, force: true });
  };
  const host = await listeningAddress(child).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { host, options, storage: join(dir, 'data'), stop };
}

/** Configuration in JSON, which is YAML too. Port 0: the log says which port was given. */
async function settings(dir: string, { tls, auth }: StartRegistryOptions): Promise<unknown> {
  const path = (name: string) => join(dir, name);
  if (auth === true) await writeFile(path('htpasswd'), HTPASSWD);
  if (tls) await writeFile(path('cert.pem'), tls.server.certPEM);
  if (tls) await writeFile(path('key.pem'), tls.server.keyPEM, { mode: 0o600 });
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: path('data') }, delete: { enabled: true } },
    http: {
      addr: '127.0.0.1:0',
      ...(tls ? { tls: { certificate: path('cert.pem'), key: path('key.pem') } } : {}),
    },
    ...(auth === true ? { auth: { htpasswd: { realm: 'ferry test', path: path('htpasswd') } } } : {}),
  };
}

function listeningAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (log === 'listening') return;
      log += text;
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (address === undefined) return;
      log = 'listening';
      resolve(address);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`docker-registry ended with ${code}: ${log}`)));
  });
}

export interface PushSpec extends ImageSpec {
  readonly repository: string;
  /** None: the image is pushed by digest alone. */
  readonly tag?: string;
}

export interface PushedImage extends BuiltImage {
  /** `127.0.0.1:port/repository:tag`, or `…@sha256:…` when there is no tag. */
  readonly reference: string;
}

/** Builds the image and pushes it. Blobs that the repository has are not sent again. */
export async function pushImage(registry: TestRegistry, spec: PushSpec): Promise<PushedImage> {
  return pushBuilt(registry, buildImage(spec), spec);
}

/** Pushes an image that was built before (or bent after). */
export async function pushBuilt(
  registry: TestRegistry,
  image: BuiltImage,
  { repository, tag }: { repository: string; tag?: string },
): Promise<PushedImage> {
  for (const blob of image.blobs) await pushBlob(registry, repository, blob);
  for (const manifest of image.manifests) {
    const last = manifest === image.target && tag !== undefined;
    await pushManifest(registry, repository, last ? tag : manifest.descriptor.digest, manifest);
  }
  const suffix = tag === undefined ? `@${image.target.descriptor.digest}` : `:${tag}`;
  return { ...image, reference: `${registry.host}/${repository}${suffix}` };
}

/** A small image that really runs: busybox, and `files` in a layer of their own. */
export async function pushBusybox(
  registry: TestRegistry,
  spec: {
    repository: string;
    tag: string;
    files?: Readonly<Record<string, Buffer | string>>;
    config?: ImageSpec['config'];
  },
): Promise<PushedImage> {
  const layers = [busyboxLayer(), ...(spec.files ? [layerTar(spec.files)] : [])];
  const config = spec.config ?? { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] };
  return pushImage(registry, { repository: spec.repository, tag: spec.tag, layers, config });
}

export async function pushBlob(registry: TestRegistry, repository: string, blob: BuiltContent): Promise<void> {
  const { digest } = blob.descriptor;
  const known = await call(registry, 'HEAD', `/v2/${repository}/blobs/${digest}`);
  if (known.status === 200) return;
  const started = await call(registry, 'POST', `/v2/${repository}/blobs/uploads/`);
  const upload = new URL(started.location, `http://${registry.host}`);
  upload.searchParams.set('digest', digest);
  const done = await call(registry, 'PUT', upload.pathname + upload.search, {
    type: 'application/octet-stream',
    body: blob.bytes,
  });
  if (done.status !== 201) throw new Error(`push blob ${digest}: status ${done.status}: ${done.text}`);
}

export async function pushManifest(
  registry: TestRegistry,
  repository: string,
  reference: string,
  manifest: BuiltContent,
): Promise<void> {
  const done = await call(registry, 'PUT', `/v2/${repository}/manifests/${reference}`, {
    type: manifest.descriptor.mediaType,
    body: manifest.bytes,
  });
  if (done.status !== 201) throw new Error(`push manifest ${reference}: status ${done.status}: ${done.text}`);
}

interface Answer {
  readonly status: number;
  readonly location: string;
  readonly text: string;
}

function call(
  registry: TestRegistry,
  method: string,
  path: string,
  sent?: { type: string; body: Buffer },
): Promise<Answer> {
  const { tls, auth } = registry.options;
  const request = tls ? httpsRequest : httpRequest;
  const headers = {
    'content-length': sent?.body.length ?? 0,
    ...(sent ? { 'content-type': sent.type } : {}),
    ...(auth === true ? { authorization: basic(ACCOUNT.username, ACCOUNT.password) } : {}),
  };
  return new Promise((resolve, reject) => {
    const url = `${tls ? 'https' : 'http'}://${registry.host}${path}`;
    const sending = request(url, { method, headers, ...(tls ? { ca: tls.caPEM } : {}) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? '', text }),
      );
    });
    sending.on('error', reject).end(sent?.body);
  });
}

/** The value of an Authorization header. */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
