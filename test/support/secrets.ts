/**
 * What must never come out of a command: every private key, whatever its form, and each text that a test plants. All
 * runs of the suite (`cli.ts`) are held to it, and tests ask it about the files that travel.
 */
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+/;
const planted = new Set<string>();

/** Says that a licence or a token is secret from here on; answers it. */
export function plant<T extends string | Uint8Array>(secret: T): T {
  const bytes = Buffer.from(secret);
  for (const form of [bytes.toString('utf8').trim(), bytes.toString('base64'), bytes.toString('hex')])
    planted.add(form);
  return secret;
}

/** The secret that a text holds, shortened for the message of a test; none in an honest one. */
export function leakIn(text: string): string | undefined {
  const found =
    PRIVATE_KEY.exec(text)?.[0] ?? [...planted].find((secret) => secret.length > 7 && text.includes(secret));
  return found === undefined ? undefined : `${found.slice(0, 32)}…`;
}

/** What a run printed. @throws {Error} when a secret is in it */
export function withoutSecrets<T extends { readonly stdout: string; readonly stderr: string }>(ran: T): T {
  const leak = leakIn(ran.stdout) ?? leakIn(ran.stderr);
  if (leak !== undefined) throw new Error(`a secret was printed: ${leak}`);
  return ran;
}
