/**
 * Where a repository is really asked for: the mirror that stands in for its registry, Docker Hub's own API host, and
 * http or https. Only the address changes: the name in the bundle stays what the release manifest says.
 *
 * Plain HTTP is spoken to the hosts that were named for it, and to this host itself where its port does not speak TLS.
 */
import { isLoopback, speaksTLS } from '../http/index.ts';
import { type Reference, repositoryName } from '../oci/index.ts';
import { RegistryError } from './error.ts';

export interface EndpointOptions {
  /** Registry host → `host[:port][/prefix]` that is asked instead. */
  readonly mirrors?: ReadonlyMap<string, string>;
  /** Hosts (with port, as in the reference) that are spoken to in plain HTTP. */
  readonly plainHTTP?: ReadonlySet<string>;
}

/** A repository at the server that is asked for it. */
export interface Endpoint {
  /** Host and port as written: what credentials are looked up for. */
  readonly host: string;
  /** On that server, with the mirror's prefix. */
  readonly repository: string;
  /** `https://host/v2/repository/` */
  readonly base: URL;
}

/** docker.io is a name; its API is elsewhere. */
const API_HOSTS: Readonly<Record<string, string>> = {
  'docker.io': 'registry-1.docker.io',
  'index.docker.io': 'registry-1.docker.io',
};

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;

/** Finds endpoints, and remembers which hosts of this machine speak TLS. */
export class Endpoints {
  readonly #options: EndpointOptions;
  readonly #schemes = new Map<string, Promise<'http' | 'https'>>();

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** @throws {RegistryError} `MIRROR_INVALID` for a mirror that is no host */
  async find(reference: Reference): Promise<Endpoint> {
    const { host, prefix } = this.#server(reference.registry);
    const repository = prefix === '' ? reference.repository : `${prefix}/${reference.repository}`;
    const address = API_HOSTS[host] ?? host;
    const text = `${await this.#scheme(address)}://${address}/v2/${repository}/`;
    if (!URL.canParse(text)) throw noHost(repositoryName(reference), host);
    return { host, repository, base: new URL(text) };
  }

  #server(registry: string): { host: string; prefix: string } {
    const mirror = this.#options.mirrors?.get(registry) ?? registry;
    const slash = mirror.indexOf('/');
    const host = slash < 0 ? mirror : mirror.slice(0, slash);
    const prefix = slash < 0 ? '' : mirror.slice(slash + 1).replace(/^\/+|\/+$/g, '');
    if (!HOST.test(host) || !/^[a-z0-9._/-]*$/.test(prefix)) throw noHost(registry, mirror);
    return { host, prefix };
  }

  #scheme(host: string): Promise<'http' | 'https'> {
    const known = this.#schemes.get(host) ?? this.#askScheme(host);
    this.#schemes.set(host, known);
    return known;
  }

  async #askScheme(host: string): Promise<'http' | 'https'> {
    if (this.#options.plainHTTP?.has(host)) return 'http';
    if (!URL.canParse(`https://${host}`)) return 'https';
    const { hostname, port } = new URL(`https://${host}`);
    if (!isLoopback(hostname)) return 'https';
    return (await speaksTLS({ hostname, port: Number(port || 443) })) ? 'https' : 'http';
  }
}

function noHost(what: string, host: string): RegistryError {
  return new RegistryError(`find ${what}: expected host[:port][/prefix], got ${JSON.stringify(host.slice(0, 200))}`, {
    code: 'MIRROR_INVALID',
  });
}
