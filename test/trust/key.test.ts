import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  ed25519Key,
  generateKey,
  publicKeyFromPEM,
  publicKeyOf,
  signWith,
  siteIDOf,
  TrustError,
  verifySignature,
} from '../../src/trust/index.ts';
import { keyIDOf, keyJSON, keyMaterial } from '../../src/trust/key.ts';
import { generateP256 } from '../support/publisher.ts';

const bytes = Buffer.from('what is signed');

describe.each([
  ['Ed25519', generateKey],
  ['P-256', generateP256],
])('a key on %s', (_, generate) => {
  it('verifies what it signed, and nothing else', () => {
    const { key, privatePEM } = generate();
    const signature = signWith(privatePEM, bytes);
    expect(verifySignature(key, bytes, signature)).toBe(true);
    expect(verifySignature(key, Buffer.from('what is singed'), signature)).toBe(false);
    expect(verifySignature(generate().key, bytes, signature)).toBe(false);
    expect(verifySignature(key, bytes, signature.subarray(1))).toBe(false);
    expect(verifySignature(key, bytes, Buffer.alloc(0))).toBe(false);
  });

  it('has the keyID that the specification computes, and is found again from its PEM forms', () => {
    const { key, privatePEM } = generate();
    expect(key.keyID).toBe(keyIDOf(keyJSON(key)));
    expect(publicKeyOf(privatePEM)).toEqual(key);
    const publicPEM = createPublicKey(privatePEM).export({ type: 'spki', format: 'pem' }).toString();
    expect(publicKeyFromPEM(publicPEM)).toEqual(key);
  });
});

describe('keyID', () => {
  it('is the SHA-256 of canonical JSON over the whole key (one computed by hand)', () => {
    const key = ed25519Key('00'.repeat(32));
    // printf '{"keytype":"ed25519","keyval":{"public":"00…00"},"scheme":"ed25519"}' | sha256sum
    expect(key.keyID).toBe('7f7373360bc914a5d4a7bd87711615178beb6cf52494fcc49082ec65ba62908c');
    expect(siteIDOf(key)).toBe(key.keyID.slice(0, 16));
  });
});

describe('keyMaterial', () => {
  it('is one for one key, in hex, in PEM, and with its point compressed', () => {
    const { key, privatePEM } = generateP256();
    const publicPEM = createPublicKey(privatePEM).export({ type: 'spki', format: 'pem' }).toString();
    const compressed = `0${key.value.endsWith('0') || '2468ace'.includes(key.value.at(-1) as string) ? 2 : 3}${key.value.slice(2, 66)}`;
    const der = Buffer.concat([
      Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
      Buffer.from(compressed, 'hex'),
    ]);
    const compressedPEM = `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`;
    const forms = [key.value, publicPEM, compressedPEM].map((value) => keyMaterial({ ...key, value }));
    expect(forms).toEqual([key.value, key.value, key.value]);
  });

  it.each([
    ['an unknown scheme', { scheme: 'rsassa-pss-sha256' }],
    ['another type', { keytype: 'rsa' }],
    ['no hex', { value: 'zz' }],
    ['too few bytes', { value: '00' }],
    ['nothing', { value: '' }],
    ['broken PEM', { value: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n' }],
  ])('is not there for a key with %s, which has signed nothing', (_, change) => {
    const key = { ...generateKey().key, ...change };
    expect(keyMaterial(key)).toBeUndefined();
    expect(verifySignature(key, bytes, Buffer.alloc(64))).toBe(false);
  });

  it('is not there for another curve that calls itself P-256', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const value = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const scheme = 'ecdsa-sha2-nistp256';
    expect(keyMaterial({ keyID: '', keytype: scheme, scheme, value })).toBeUndefined();
  });
});

describe('keys that are not ours to use', () => {
  it('says KEY_INVALID for anything but Ed25519 and P-256', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
    for (const read of [
      () => publicKeyOf(rsa.toString()),
      () => publicKeyOf('no PEM'),
      () => publicKeyFromPEM(''),
      () => ed25519Key('AB'),
    ]) {
      expect(read).toThrow(TrustError);
      expect(read).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
    }
  });
});
