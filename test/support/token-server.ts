/**
 * A token server as registries name it in their challenge, and the guard that makes a fake registry demand its tokens.
 * Tokens are plain words, t1, t2 …; a test says how long they live, and may end one on the registry's side.
 */
import type { Exchange, FakeRegistry } from './fake-registry.ts';
import { listen } from './fake-registry.ts';

export interface TokenRequestSeen {
  readonly method: string;
  /** Of the query, or of the form. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
}

export interface TokenServer {
  readonly realm: string;
  readonly seen: readonly TokenRequestSeen[];
  /** Makes a registry answer 401 to blobs and manifests without a token that is good. */
  guard(registry: FakeRegistry): void;
  /** The registry takes none of the tokens given so far. */
  endAll(): void;
  stop(): Promise<void>;
}

export interface StartTokenServerOptions {
  /** Fields beside the token: `expires_in`, or none as ghcr.io has it. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** The Authorization without which 401 is said; with an identity token, that. */
  readonly accept?: (seen: TokenRequestSeen) => boolean;
  /** Under which name the token comes. @default 'token' */
  readonly name?: 'token' | 'access_token';
}

export async function startTokenServer(options: StartTokenServerOptions = {}): Promise<TokenServer> {
  const { fields = {}, accept = () => true, name = 'token' } = options;
  const seen: TokenRequestSeen[] = [];
  const good = new Set<string>();
  const { host, stop } = await listen((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const query = new URL(request.url ?? '/', 'http://token').searchParams;
      const parameters = Object.fromEntries(request.method === 'POST' ? new URLSearchParams(body) : query);
      const asked = { method: request.method ?? '', parameters, authorization: request.headers.authorization };
      seen.push(asked);
      if (!accept(asked)) {
        const errors = [{ code: 'DENIED', message: `not with ${asked.authorization}` }];
        response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
        return;
      }
      const token = `t${seen.length}`;
      good.add(token);
      response.writeHead(200).end(JSON.stringify({ [name]: token, ...fields }));
    });
  });
  const realm = `http://${host}/token`;
  const act = ({ request, response, serve }: Exchange) => {
    if (good.has(request.headers.authorization?.replace('Bearer ', '') ?? '')) {
      serve();
      return;
    }
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(request.url ?? '')?.[1];
    const challenge = `Bearer realm="${realm}",service="test, \\"quoted\\"",scope="repository:${repository}:pull"`;
    response.writeHead(401, { 'www-authenticate': challenge, 'content-length': 0 }).end();
  };
  const guard = (registry: FakeRegistry) =>
    registry.rule({ on: /\/(manifests|blobs)\//, times: Number.MAX_SAFE_INTEGER, act });
  return { realm, seen, guard, endAll: () => good.clear(), stop };
}
