/**
 * Names as engines have them. The classic store writes docker.io/library/alpine:3 as alpine:3, podman in full; both
 * are brought to the full form before they are compared (distribution/reference normalize.go). Other registries keep theirs.
 */
import type { Digest } from '../oci/index.ts';
import { isDigest, parseReference } from '../oci/index.ts';

/** The full form of a name that an engine gave: `alpine:3` → `docker.io/library/alpine:3`. */
export function fullName(text: string): string {
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  if (!isHost) return fullName(`docker.io/${text}`);
  const rest = text.slice(slash + 1);
  const host = first === 'index.docker.io' ? 'docker.io' : first;
  return host === 'docker.io' && !rest.includes('/') ? `${host}/library/${rest}` : `${host}/${rest}`;
}

/** Whether two names mean the same to an engine. */
export function isSameName(a: string, b: string): boolean {
  return fullName(a) === fullName(b);
}

/** Repository and tag, apart, for the API. @throws {OciError} `REFERENCE_INVALID`; RangeError for a name without a tag */
export function splitName(name: string): { repo: string; tag: string } {
  const { registry, repository, tag } = parseReference(name);
  if (tag === undefined) throw new RangeError(`image name ${name}: expected a tag, got none`);
  return { repo: `${registry}/${repository}`, tag };
}

/** An image ID in one form: podman leaves the `sha256:` out in places. `undefined` for what is none. */
export function parseImageID(value: unknown): Digest | undefined {
  if (typeof value !== 'string') return undefined;
  const text = /^[0-9a-f]{64}$/.test(value) ? `sha256:${value}` : value;
  return isDigest(text) ? text : undefined;
}
