/**
 * What FORMAT §2 asks of metadata that stands in a tar, beyond what TUF asks: one form per meaning, so that a changed
 * byte anywhere is a refusal. Canonical bytes, hex in lower case, nothing beside `signed` and `signatures`, every listed
 * signature right, and the fields of the profile. Thresholds and numbers are judged elsewhere (root.ts, chain.ts).
 */
import { canonicalJSON, parseJSON } from '../content/index.ts';
import { TrustError } from './error.ts';
import type { PublicKey } from './key.ts';
import { verifySignature } from './key.ts';
import type { MetadataFile } from './metadata.ts';
import { isRecord } from './metadata.ts';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const HEX = /^(?:[0-9a-f]{2})+$/;
const HEX64 = /^[0-9a-f]{64}$/;

/**
 * Holds a file to the form of FORMAT §2.
 * @param keys all whose signatures may stand in the file
 * @throws {TrustError} `NOT_CANONICAL` by form; `SIGNATURE_INVALID` when a listed signature is not right.
 */
export function checkForm(file: MetadataFile, keys: readonly PublicKey[]): void {
  checkShape(file);
  checkSignatures(file, keys);
}

/** The part of `checkForm` that needs no keys. @throws {TrustError} `NOT_CANONICAL` */
export function checkShape(file: MetadataFile): void {
  checkCanonical(file);
  checkProfile(file);
}

function checkCanonical(file: MetadataFile): void {
  const envelope = parseJSON(file.bytes, `${file.role} metadata`);
  const canonical = canonicalJSON(envelope, { controlCharacters: 'allow' });
  if (!canonical.equals(file.bytes)) throw form(file, 'expected canonical JSON, got other bytes with that meaning');
  if (!hasOnly(envelope, ['signatures', 'signed'])) throw form(file, 'expected signed and signatures, got more');
  const listed: unknown = envelope['signatures'];
  if (!Array.isArray(listed) || listed.length !== file.signatures.size || listed.length === 0) {
    throw form(file, 'expected one signature or more, each of another key');
  }
  for (const signature of listed) {
    if (!hasOnly(signature, ['keyid', 'sig'])) throw form(file, 'expected keyid and sig in a signature, got more');
    if (!HEX64.test(String(signature['keyid'])) || !HEX.test(String(signature['sig']))) {
      throw form(file, 'expected keyid and sig in lower-case hex');
    }
  }
}

function checkProfile(file: MetadataFile): void {
  const { signed, role } = file;
  if (!/^1\.0(?:\.\d+)?$/.test(String(signed['spec_version']))) throw form(file, 'expected spec_version 1.0');
  if (!TIME.test(String(signed['expires']))) throw form(file, 'expected expires in whole seconds, UTC');
  if (role === 'root') checkRootFields(file);
  if (role === 'timestamp') {
    if (!TIME.test(String(signed['issued']))) throw form(file, 'expected issued in whole seconds, UTC');
    checkMeta(file, 'snapshot.json');
  }
  if (role === 'snapshot') checkMeta(file, 'targets.json');
  if (role === 'targets') checkTargets(file);
}

function checkRootFields(file: MetadataFile): void {
  const { signed } = file;
  if (signed['consistent_snapshot'] !== true) throw form(file, 'expected consistent_snapshot true');
  for (const [keyID, key] of Object.entries(fieldsOf(signed['keys']))) {
    if (!HEX64.test(keyID) || !HEX.test(String(fieldsOf(fieldsOf(key)['keyval'])['public']))) {
      throw form(file, 'expected keys in lower-case hex');
    }
  }
}

function checkMeta(file: MetadataFile, name: string): void {
  const { meta } = file.signed;
  if (!hasOnly(meta, [name])) throw form(file, `expected ${name} alone in meta`);
  if (!hasOnly(meta[name], ['hashes', 'length', 'version']) || !isHashes(meta[name]['hashes'])) {
    throw form(file, `expected version, length and sha256 of ${name}`);
  }
}

function checkTargets(file: MetadataFile): void {
  if (file.signed['delegations'] !== undefined) throw form(file, 'expected no delegations');
  for (const target of Object.values(fieldsOf(file.signed['targets']))) {
    if (!isHashes(fieldsOf(target)['hashes']))
      throw form(file, 'expected the sha256 of every target, in lower-case hex');
  }
}

function checkSignatures(file: MetadataFile, keys: readonly PublicKey[]): void {
  for (const [keyID, signature] of file.signatures) {
    const isRight = keys.some(
      (key) => key.keyID === keyID && verifySignature(key, file.payload, Buffer.from(signature, 'hex')),
    );
    if (isRight) continue;
    throw new TrustError(
      `verify ${file.role} ${file.version}: expected every listed signature to be right, got one of key ${keyID} that is not`,
      { code: 'SIGNATURE_INVALID', facts: { role: file.role, version: file.version, keyID } },
    );
  }
}

function isHashes(value: unknown): boolean {
  return hasOnly(value, ['sha256']) && HEX64.test(String(value['sha256']));
}

function hasOnly(value: unknown, names: readonly string[]): value is Readonly<Record<string, unknown>> {
  return isRecord(value) && Object.keys(value).toSorted().join() === names.join();
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function form(file: MetadataFile, why: string): TrustError {
  return new TrustError(`read ${file.role} ${file.version}: ${why}`, {
    code: 'NOT_CANONICAL',
    facts: { role: file.role, version: file.version },
  });
}
