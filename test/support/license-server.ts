/**
 * A true small licence server: hands out what it was given under `/v1/license`, notes what it was asked with which token,
 * and misbehaves as told, answer by answer, before it behaves.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestCertificates } from './certificates.ts';
import { listen } from './fake-registry.ts';

/** One answer; the request's body is none. */
export type LicenseAnswer = (response: ServerResponse, request: IncomingMessage) => void;

export interface LicenseServer {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** `https://127.0.0.1:port/v1/license`, or http without certificates. */
  readonly url: string;
  /** Path with query and Authorization of each request, in order. */
  readonly seen: readonly { readonly path: string; readonly authorization: string | undefined }[];
  stop(): Promise<void>;
}

export interface LicenseServerOptions {
  readonly tls?: TestCertificates;
  /** Without which it says 401. */
  readonly token?: string;
  readonly license?: string | Uint8Array | ((path: string) => string | Uint8Array | undefined);
  /** Given before anything else, each once. */
  readonly first?: readonly LicenseAnswer[];
}

export async function licenseServer({
  tls,
  token,
  license = 'LICENCE',
  first = [],
}: LicenseServerOptions = {}): Promise<LicenseServer> {
  const seen: { path: string; authorization: string | undefined }[] = [];
  const answers = [...first];
  const { host, stop } = await listen(
    (request, response) => {
      const { url: path = '', headers } = request;
      seen.push({ path, authorization: headers.authorization });
      const answer = answers.shift();
      if (answer) return answer(response, request);
      if (token !== undefined && headers.authorization !== `Bearer ${token}`) return respond(response, 401, 'who?');
      const body = typeof license === 'function' ? license(path) : license;
      if (body === undefined) return respond(response, 404, 'nothing here');
      respond(response, 200, body, { 'content-type': 'application/octet-stream' });
    },
    tls ? { tls } : {},
  );
  return { host, url: `${tls ? 'https' : 'http'}://${host}/v1/license`, seen, stop };
}

/** Ends an answer. */
export function respond(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array = '',
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers }).end(body);
}
