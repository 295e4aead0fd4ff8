/**
 * The ceremony's paper: what holders of offline keys are asked to sign (FORMAT §2, §6). A request carries the whole of
 * what is to be signed and of what it follows, beside a summary for people; whoever reads it recomputes every word of
 * the summary from the bytes and refuses a request that says otherwise. Nobody ever signs a bare hash.
 */
import { canonicalJSON, parseJSON } from '../content/index.ts';
import { summaryOf } from './build.ts';
import { changesBetween } from './changes.ts';
import { TRUST_FORMAT, TRUST_MIN_FERRY } from './entry.ts';
import { TrustError } from './error.ts';
import { fingerprint } from './fingerprint.ts';
import type { MetadataFile, Role } from './metadata.ts';
import { isRecord, MAX_TARGETS_BYTES, ROLES, readMetadata } from './metadata.ts';
import type { RoleKeys, RootView } from './root.ts';
import { isSignedBy, readRoot, verifySigned } from './root.ts';

/** The most bytes that a request may have: the file, the one before it, and a root. */
export const MAX_REQUEST_BYTES = 3 * MAX_TARGETS_BYTES;

export interface RequestOptions {
  /** What is to be signed, as the functions of build.ts make it. */
  readonly unsigned: Uint8Array;
  /** The file of that role that is in force now. @default none: the first */
  readonly previous?: Uint8Array;
  /** The root whose holders are asked; for a root that is `previous`, and the new root itself. Needed for other roles. */
  readonly root?: Uint8Array;
}

/** A group of holders of which enough must sign. */
export interface Quorum extends RoleKeys {
  /** As people say it: `holders of root 3`. */
  readonly name: string;
}

/** A request, with everything in it recomputed. */
export interface SigningRequest {
  readonly role: Role;
  readonly version: number;
  /** The exact bytes that are to be signed. */
  readonly payload: Uint8Array;
  /** One line. */
  readonly summary: string;
  /** What is other than in the file before, one line each. */
  readonly changes: readonly string[];
  /** Of the payload: to be compared over another way by those who sign. */
  readonly words: readonly string[];
  /** Of the root in force, as on the approval sheet; none before the first. */
  readonly rootWords: readonly string[] | undefined;
  /** All must be met. */
  readonly quorums: readonly Quorum[];
}

/** Writes a request. @throws {TrustError} `REQUEST_INVALID` when its parts don't belong together; all of `readMetadata` */
export function makeRequest({ unsigned, previous, root }: RequestOptions): Buffer {
  const parts = {
    signed: parseJSON(unsigned, 'unsigned metadata'),
    ...(previous && { previous: parseJSON(previous, 'previous metadata') }),
    ...(root && { root: parseJSON(root, 'root metadata') }),
  };
  return canonicalJSON(documentOf(parts, describe(parts)));
}

/**
 * Reads a request and recomputes all that it claims.
 * @throws {TrustError} `REQUEST_INVALID` when a claim isn't so, `FORMAT_TOO_NEW`, `METADATA_TOO_LARGE`, and all of
 * `readMetadata`; `SIGNATURE_THRESHOLD` when the root in force is not signed by its own holders.
 */
export function readRequest(bytes: Uint8Array): SigningRequest {
  if (bytes.length > MAX_REQUEST_BYTES)
    throw refused(`expected at most ${MAX_REQUEST_BYTES} bytes, got ${bytes.length}`);
  const document = readDocument(bytes);
  const { signed, previous, root } = document;
  const parts: RequestParts = {
    signed,
    ...(previous !== undefined && { previous }),
    ...(root !== undefined && { root }),
  };
  const request = describe(parts);
  if (!canonicalJSON(documentOf(parts, request)).equals(bytes)) {
    throw refused('expected its summary, changes and words to be those of what is to be signed, got others');
  }
  return request;
}

/** The error for a request or an answer that is not sound. */
export function refused(why: string, cause?: unknown): TrustError {
  return new TrustError(`read signing request: ${why}`, { code: 'REQUEST_INVALID', cause });
}

interface RequestParts {
  readonly signed: unknown;
  readonly previous?: unknown;
  readonly root?: unknown;
}

function readDocument(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = parseJSON(bytes, 'signing request');
    canonicalJSON(document); // floats and control characters can't be in anything that is to be signed
  } catch (cause) {
    throw refused('expected canonical JSON, got something else', cause);
  }
  if (!isRecord(document) || document['type'] !== 'signing-request') throw refused('expected a signing request');
  const { format, minFerry } = document;
  if (typeof format === 'number' && format > TRUST_FORMAT) {
    throw new TrustError(`read signing request: expected format ${TRUST_FORMAT}, got ${format}`, {
      code: 'FORMAT_TOO_NEW',
      facts: { format, minFerry },
    });
  }
  return document;
}

function documentOf(parts: RequestParts, { role, summary, changes, words, rootWords }: SigningRequest): unknown {
  const claims = { role, summary, changes, words, ...(rootWords && { rootWords }) };
  return { type: 'signing-request', format: TRUST_FORMAT, minFerry: TRUST_MIN_FERRY, ...claims, ...parts };
}

function describe({ signed, previous, root }: RequestParts): SigningRequest {
  const payload = canonicalJSON(signed);
  const role = roleOf(signed);
  const file = readMetadata(role, canonicalJSON({ signatures: [], signed }));
  const former = previous === undefined ? undefined : readMetadata(role, canonicalJSON(previous));
  if (former && file.version <= former.version) {
    throw refused(`expected a version after ${former.version}, got ${file.version}`);
  }
  const authority = root === undefined ? undefined : readRoot(canonicalJSON(root));
  const inForce = role === 'root' ? former && readRoot(former.bytes) : authority;
  if (inForce) verifySigned(inForce, inForce.file);
  const { words } = fingerprint(payload);
  return {
    role,
    version: file.version,
    payload,
    summary: summaryOf(payload),
    changes: [...doubts(inForce, former), ...changesBetween(former, file)],
    words,
    rootWords: inForce && fingerprint(inForce.bytes).words,
    quorums: role === 'root' ? rootQuorums(inForce, readRoot(file.bytes)) : [roleQuorum(role, authority)],
  };
}

/** A file before this that the holders in force did not sign may be made up: then the differences to it say nothing. */
function doubts(inForce: RootView | undefined, former: MetadataFile | undefined): string[] {
  if (!former || !inForce || isSignedBy(inForce, former)) return [];
  return [`the ${former.role} ${former.version} before is not signed by the keys in force: read the whole file`];
}

function roleOf(signed: unknown): Role {
  const type = isRecord(signed) ? signed['_type'] : undefined;
  const role = ROLES.find((name) => name === type);
  if (!role) throw refused('expected metadata of one of the four roles');
  return role;
}

/** A root passes from one set of holders to the next: both must agree (TUF 1.0 §6.1). */
function rootQuorums(former: RootView | undefined, next: RootView): Quorum[] {
  if (former && next.version !== former.version + 1) {
    throw refused(`expected root ${former.version + 1} next, got ${next.version}`);
  }
  const own = { name: `holders of root ${next.version}`, ...next.roles.root };
  return former ? [{ name: `holders of root ${former.version}`, ...former.roles.root }, own] : [own];
}

function roleQuorum(role: Role, root: RootView | undefined): Quorum {
  if (!root) throw refused(`expected the root that names the holders of ${role}`);
  return { name: `holders of ${role}`, ...root.roles[role] };
}
