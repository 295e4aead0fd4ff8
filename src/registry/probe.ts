/**
 * Whether a registry will do, asked step by step as a pull would, and given up at the first failure: `/v2/`, a token
 * where one is wanted, a manifest, and the host that its blobs come from. The HTTP client is the caller's, who may want
 * to see each connection; nothing is tried again, and of a blob no byte is kept.
 */
import type { HTTPClient, HTTPResponse } from '../http/index.ts';
import { type Descriptor, isIndexType, parseManifest, type Reference } from '../oci/index.ts';
import type { RegistryOptions } from './client.ts';
import { openSession } from './client.ts';
import { type Place, resolveReference } from './document.ts';
import { Endpoints } from './endpoint.ts';
import { RegistryError } from './error.ts';

export interface RegistryProbeOptions extends Pick<RegistryOptions, 'env' | 'plainHTTP' | 'mirrors' | 'signal'> {
  readonly client: HTTPClient;
}

/** The steps of a pull; made by {@link openRegistryProbe}. */
export interface RegistryProbe {
  /**
   * Asks for `/v2/` (distribution-spec v1.1 "Determining Support"): whether this is a registry, and lets us in as we are.
   *
   * @throws {RegistryError} `DENIED` where credentials were found and refused, `REGISTRY_ANSWER` for no registry, others;
   *   {HTTPError}
   */
  greet(host: string): Promise<'open' | 'wants credentials'>;
  /** The digest that a reference has now. @throws as `RegistryClient.resolve` */
  digestOf(reference: Reference): Promise<string>;
  /** The address (no query) that a blob of the image came from. @throws as `RegistryClient.resolve`; {RegistryError} `BLOB_NOT_FOUND` */
  blobSource(reference: Reference): Promise<URL>;
}

/** Makes the steps. Credentials are those of `env`, as a pull has them. */
export function openRegistryProbe({ client, ...options }: RegistryProbeOptions): RegistryProbe {
  const session = openSession(client, { ...options, retries: 0 });
  const endpoints = new Endpoints(options);
  const place = async (reference: Reference): Promise<Place> => ({
    session,
    endpoint: await endpoints.find(reference),
  });
  return {
    greet: async (host) => greet(await place({ registry: host, repository: '' }), { host, client }),
    digestOf: async (reference) => (await resolveReference(await place(reference), reference)).descriptor.digest,
    blobSource: async (reference) => blobSource(await place(reference), reference),
  };
}

async function greet({ session, endpoint }: Place, { host, client }: Greeted): Promise<'open' | 'wants credentials'> {
  const doing = `ask ${host} whether it is a registry`;
  const base = new URL('/v2/', endpoint.base);
  const response = await client.send(base);
  await response.discard();
  if (response.status === 200 && isRegistry(response)) return 'open';
  // A page for people (a portal that wants a login, a web server) says 200 too.
  if (response.status === 200) throw noRegistry(doing, 'a page that is none');
  if (response.status === 401 && response.header('www-authenticate') === undefined)
    throw noRegistry(doing, 'status 401');
  try {
    const retries = session.newRetries();
    const asked = { doing, path: '', headers: {}, wanted: [200], retries, endpoint: { ...endpoint, base } };
    await (await session.get(asked)).discard();
    return 'open';
  } catch (error) {
    const isOurs = error instanceof RegistryError && error.hint?.startsWith('the credentials came');
    if (response.status !== 401 || !(error instanceof RegistryError) || error.code !== 'DENIED' || isOurs) throw error;
    return 'wants credentials';
  }
}

interface Greeted {
  readonly host: string;
  readonly client: HTTPClient;
}

function isRegistry(response: HTTPResponse): boolean {
  const type = response.header('content-type') ?? '';
  return response.header('docker-distribution-api-version') !== undefined || /^application\/json\b/i.test(type);
}

function noRegistry(doing: string, got: string): RegistryError {
  return new RegistryError(`${doing}: expected a registry, got ${got}`, { code: 'REGISTRY_ANSWER' });
}

/** The config's blob, or the first layer's: the smallest there is of an image. */
async function blobSource(place: Place, reference: Reference): Promise<URL> {
  const { descriptor, bytes } = await resolveReference(place, reference);
  const blob = await findBlob(place, reference, { descriptor, bytes });
  const { session, endpoint } = place;
  const response = await session.get({
    ...{ endpoint, path: `blobs/${blob.digest}`, headers: {}, wanted: [200], retries: session.newRetries() },
    doing: `fetch blob ${blob.digest} of ${reference.registry}/${reference.repository}`,
    missing: 'BLOB_NOT_FOUND',
  });
  await response.beginning(1);
  return response.url;
}

async function findBlob(
  place: Place,
  reference: Reference,
  { descriptor, bytes }: { readonly descriptor: Descriptor; readonly bytes: Uint8Array },
): Promise<Descriptor> {
  const manifest = parseManifest(bytes, descriptor.mediaType);
  if (manifest.kind === 'manifest') return manifest.config;
  const [first] = manifest.manifests.filter(({ mediaType }) => !isIndexType(mediaType));
  if (first === undefined) {
    throw new RegistryError(`find a blob of ${reference.repository}: expected a manifest in its index, got none`, {
      code: 'REGISTRY_ANSWER',
    });
  }
  const { repository, registry } = reference;
  const inner = await resolveReference(place, { registry, repository, digest: first.digest });
  return findBlob(place, reference, inner);
}
