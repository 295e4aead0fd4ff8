/** Asks an engine over its socket, with nothing of ours in between: what a test believes, it has from the engine itself. */
import { request } from 'node:http';

/** What a call sends. */
export interface EngineCallOptions {
  /** @default 'GET' */
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'PUT';
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, a tar. */
  readonly tar?: Buffer;
}

/** Makes one call. Answers the parsed body; undefined when there is none. @throws with the engine's words from status 400 on */
export async function callEngine<T>(
  socketPath: string,
  path: string,
  { method = 'GET', json, tar }: EngineCallOptions = {},
): Promise<T> {
  const body = tar ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)));
  const headers = {
    'content-type': tar ? 'application/x-tar' : 'application/json',
    'content-length': body?.length ?? 0,
  };
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = request({ socketPath, path, method, headers, agent: false }, (answer) => {
      let read = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        read += part;
      });
      answer.on('error', reject).on('end', () => resolve({ status: answer.statusCode ?? 0, text: read }));
    });
    asked.on('error', reject).end(body);
  });
  if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text.trim()}`);
  return (text.startsWith('{') || text.startsWith('[') ? JSON.parse(text.split('\n')[0] as string) : undefined) as T;
}
