/**
 * The small JSON documents of the state: canonical, each with `format` and `minFerry`, bounded when read. One that a
 * later ferry wrote is refused by number, one that is not as written is damage and named. FORMAT, head, and §7.
 */

import { canonicalJSON, findFileBounded, parseJSON } from '../content/index.ts';
import { StateError } from './error.ts';

/** The newest format of state documents that is understood here. */
export const STATE_FORMAT = 1;
const MIN_FERRY = '0.1.0';
/** A journal says some three times as much as the release.json that it is about, which has up to 16 MiB. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** The bytes of a document with its format in front. */
export function stateDocument(fields: Readonly<Record<string, unknown>>): Buffer {
  return canonicalJSON({ ...fields, format: STATE_FORMAT, minFerry: MIN_FERRY });
}

/**
 * Reads a document of ours, or says `undefined` when it was never written.
 * @throws {StateError} `FORMAT_TOO_NEW` when a later ferry wrote it; `STATE_DAMAGED` when it is no document of ours.
 */
export async function findDocument(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const bytes = await findFileBounded(path, { max: MAX_DOCUMENT_BYTES });
  return bytes === undefined ? undefined : checkDocument(readObject(bytes, path), path);
}

function checkDocument(document: Readonly<Record<string, unknown>>, path: string): Readonly<Record<string, unknown>> {
  const { format, minFerry } = document;
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1) {
    throw damaged(path, `expected a format number, got ${JSON.stringify(format)}`);
  }
  if (format > STATE_FORMAT) {
    throw new StateError(`read state: ${path}: expected format ${STATE_FORMAT}, got ${format}`, {
      code: 'FORMAT_TOO_NEW',
      ...(typeof minFerry === 'string' && { hint: `this needs ferry ${JSON.stringify(minFerry)} or later` }),
      facts: { path, format },
    });
  }
  return document;
}

function readObject(bytes: Uint8Array, path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseJSON(bytes, path);
  } catch (cause) {
    throw damaged(path, 'expected a JSON document', cause);
  }
  if (!isObject(value)) throw damaged(path, 'expected a JSON object');
  return value;
}

/** Whether a JSON value is an object with named fields. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The error for a part of the state that is not as ferry writes it. */
export function damaged(path: string, why: string, cause?: unknown): StateError {
  return new StateError(`read state: ${path}: ${why}`, { code: 'STATE_DAMAGED', cause, facts: { path } });
}
