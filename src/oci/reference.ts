/**
 * References, `registry/repository[:tag][@digest]`, by the grammar of distribution/reference (v0.6, regexp.go).
 * The registry is never defaulted: an air-gapped site has no Docker Hub, and a name must mean one thing on both sides.
 */
import type { Digest } from './digest.ts';
import { digestHex, isDigest } from './digest.ts';
import { OciError } from './error.ts';

/** Where an image is found. A digest, when there is one, wins over the tag. */
export interface Reference {
  /** Host and optional port, `registry.example:5000`. */
  readonly registry: string;
  /** Path on that host, `atrium/server`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`);
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const MAX_REPOSITORY = 255;

/** Reads a reference. @throws {OciError} `REFERENCE_INVALID` without a registry, or with neither tag nor digest */
export function parseReference(text: string): Reference {
  const [named, digest, ...more] = text.split('@');
  if (named === undefined || more.length > 0) throw invalid(text, 'registry/repository[:tag][@digest]');
  if (digest !== undefined && !isDigest(digest))
    throw invalid(text, 'a digest of sha256: and 64 lower-case hex digits');
  const slash = named.indexOf('/');
  const registry = named.slice(0, Math.max(slash, 0));
  if (!isRegistry(registry)) throw invalid(text, 'a registry first, as in ghcr.io/owner/image:tag');
  const rest = named.slice(slash + 1);
  const colon = rest.indexOf(':');
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (!REPOSITORY.test(repository) || repository.length > MAX_REPOSITORY)
    throw invalid(text, 'a lower-case repository path');
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, 'a tag of up to 128 letters, digits, "_", "." and "-"');
  if (tag === undefined && digest === undefined) throw invalid(text, 'a tag or a digest, as in name:1.0');
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The text of a reference, as {@link parseReference} reads it. */
export function formatReference(reference: Reference): string {
  const { tag, digest } = reference;
  return `${repositoryName(reference)}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** `registry/repository`. */
export function repositoryName(reference: Pick<Reference, 'registry' | 'repository'>): string {
  return `${reference.registry}/${reference.repository}`;
}

/** The name that an image has in a bundle: `registry/repository:tag`; by digest alone the tag is `sha256-<hex>` (FORMAT §1). */
export function bundleName(reference: Reference): string {
  const tag = reference.tag ?? (reference.digest && `sha256-${digestHex(reference.digest)}`);
  return `${repositoryName(reference)}:${tag}`;
}

/** distribution's rule: the first component is a host when it has a dot or a port, or is localhost. */
function isRegistry(text: string): boolean {
  return DOMAIN.test(text) && (/[.:]/.test(text) || text === 'localhost' || text !== text.toLowerCase());
}

function invalid(text: string, expected: string): OciError {
  return new OciError(`read reference ${JSON.stringify(text.slice(0, 300))}: expected ${expected}`, {
    code: 'REFERENCE_INVALID',
  });
}
