/**
 * Public vectors, read where the folder is there: 151 Ed25519 cases of Wycheproof through `verifySignature`, and two real
 * TUF repositories through the lenient engine: 12 chained Sigstore roots, and a whole one made by tuf-on-ci.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata, MetadataKind } from '@tufjs/models';
import { describe, expect, it } from 'vitest';
import { isCatalogueSignedBy, readCatalogue } from '../../src/trust/catalogue.ts';
import { chooseCatalogue } from '../../src/trust/compare.ts';
import { TrustError, verifySignature } from '../../src/trust/index.ts';
import { ed25519Key } from '../../src/trust/key.ts';
import { readMetadata } from '../../src/trust/metadata.ts';
import { isSignedBy, readRoot, signersOf, verifySigned, walkRoots } from '../../src/trust/root.ts';
import { checkShape } from '../../src/trust/strict.ts';
import { vectorsFolder } from '../support/vectors.ts';

const VECTORS = vectorsFolder('');
const hasVectors = existsSync(VECTORS);
const read = (path: string) => readFileSync(join(VECTORS, path));

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
    }[];
  }[];
}

describe.runIf(hasVectors)('wycheproof ed25519', () => {
  it('agrees in all 151 cases', () => {
    const { testGroups } = JSON.parse(read('wycheproof/ed25519_test.json').toString()) as Wycheproof;
    const cases = testGroups.flatMap(({ publicKey, tests }) => tests.map((test) => ({ ...test, pk: publicKey.pk })));
    expect(cases).toHaveLength(151);
    for (const { tcId, msg, sig, result, pk } of cases) {
      const isRight = verifySignature(ed25519Key(pk), Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex'));
      expect({ tcId, isRight }).toEqual({ tcId, isRight: result === 'valid' });
    }
  });
});

describe.runIf(hasVectors)('the twelve roots of Sigstore', () => {
  const files = hasVectors
    ? Array.from({ length: 12 }, (_, index) => read(`tuf/sigstore-root-signing/metadata/${index + 1}.root.json`))
    : [];

  it('walks from the first to the last, over keys in hex and in PEM, and ends long past', () => {
    const [first, ...rest] = files.map(readRoot);
    if (!first) throw new Error('expected roots');
    verifySigned(first, first.file);
    expect(walkRoots(first, rest).version).toBe(12);
  });

  it('passes over the keyID of root 11 that does not recompute', () => {
    const root = readRoot(files[10] as Buffer);
    expect(root.roles.timestamp.keys).toEqual([]);
    expect(signersOf(root.file, root.roles.root)).toHaveLength(5);
  });

  it('passes over empty signatures', () => {
    const root = readRoot(files[11] as Buffer);
    expect(root.file.signatures.size).toBeGreaterThan(signersOf(root.file, root.roles.root).length);
  });

  it('does not take a step that skips a root', () => {
    const roots = files.map(readRoot);
    expect(() => walkRoots(roots[0] as (typeof roots)[0], [roots[2] as (typeof roots)[0]])).toThrow(TrustError);
  });

  it('is not in the form of a tar', () => {
    for (const bytes of files) expect(() => checkShape(readMetadata('root', bytes))).toThrow(/canonical/);
  });

  it('is refused when a bit of anything signed is changed', () => {
    const [bytes, former] = [files[4] as Buffer, readRoot(files[3] as Buffer)];
    const from = bytes.indexOf('"signed"') + 10;
    const until = Math.max(bytes.indexOf('"signatures"'), 0) || bytes.length;
    let judged = 0;
    for (let offset = from; offset < until - 8; offset += 7) {
      if (/\s/.test(String.fromCharCode(bytes[offset] ?? 0))) continue; // formatting is not signed
      const changed = Buffer.from(bytes);
      changed[offset] = (changed[offset] as number) ^ 1;
      expect(isAccepted(() => walkRoots(former, [readRoot(changed)]))).toBe(false);
      judged += 1;
    }
    expect(judged).toBeGreaterThan(300);
  });
});

describe.runIf(hasVectors)('the repository of tuf-on-ci', () => {
  const metadata = (name: string) => read(`tuf/tuf-on-ci-0.11/metadata/${name}`);
  const chain = () => ({
    timestamp: metadata('timestamp.json'),
    snapshot: metadata('2.snapshot.json'),
    targets: metadata('1.targets.json'),
  });

  it('is accepted whole', () => {
    const root = readRoot(read('tuf/tuf-on-ci-0.11/initial_root.json'));
    verifySigned(root, root.file);
    const carried = readCatalogue(chain(), root);
    expect(isCatalogueSignedBy(root, carried)).toBe(true);
    expect(carried.issued).toBeUndefined();
    expect(chooseCatalogue(root, { stored: undefined, carried }).source).toBe('carried');
  });

  it('is proven down to the delegated role by the same signature check', () => {
    const targets = JSON.parse(chain().targets.toString()).signed;
    const delegated = JSON.parse(metadata('2.delegatedrole.json').toString());
    expect(Metadata.fromJSON(MetadataKind.Targets, delegated).signed.version).toBe(2);
    const { delegations } = targets;
    const file = readMetadata('targets', metadata('2.delegatedrole.json'));
    const [role] = delegations.roles;
    const keys = role.keyids.map((keyID: string) => {
      const { keytype, scheme, keyval } = delegations.keys[keyID];
      return { keyID, keytype, scheme, value: keyval.public };
    });
    expect(signersOf(file, { keys, threshold: role.threshold }).length).toBeGreaterThanOrEqual(role.threshold);
  });

  it('is refused with any part changed', () => {
    const root = readRoot(read('tuf/tuf-on-ci-0.11/initial_root.json'));
    for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
      const bytes = chain()[role];
      const text = bytes.toString().replace(/"expires": "20\d\d/, '"expires": "2099');
      expect(text).not.toBe(bytes.toString());
      expect(isAccepted(() => readCatalogue({ ...chain(), [role]: Buffer.from(text) }, root))).toBe(false);
    }
  });

  it('is signed by nobody whom another root names', () => {
    const other = readRoot(read('tuf/sigstore-root-signing/initial_root.json'));
    expect(isSignedBy(other, readMetadata('timestamp', chain().timestamp))).toBe(false);
  });
});

function isAccepted(judge: () => unknown): boolean {
  try {
    judge();
    return true;
  } catch (error) {
    if (error instanceof TrustError) return false;
    throw error;
  }
}
