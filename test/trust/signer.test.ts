/** The signer command's protocol, with a command that is a function; running one is the workspace's. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SignerCall } from '../../src/trust/index.ts';
import { commandSigner, generateKey, makeTargets, pemSigner, signWith, TrustError } from '../../src/trust/index.ts';
import { generateP256 } from '../support/publisher.ts';

const options = { version: 7, expires: new Date('2027-06-01T00:00:00Z'), entries: [] };
const answer = (fields: unknown) => ({ status: 0, stdout: Buffer.from(JSON.stringify(fields)) });

describe('commandSigner', () => {
  it.each([
    ['Ed25519', generateKey],
    ['P-256', generateP256],
  ])('hands the exact bytes over and takes the signature of the command (%s)', async (_, generate) => {
    const { key, privatePEM } = generate();
    const calls: SignerCall[] = [];
    const signer = commandSigner(key, async (call) => {
      calls.push(call);
      return answer({ keyid: key.keyID, sig: signWith(privatePEM, call.input).toString('hex') });
    });
    const signed = JSON.parse((await makeTargets(options, [signer])).toString());
    expect(signed.signatures).toMatchObject([{ keyid: key.keyID }]);
    const [call] = calls;
    expect(JSON.parse(call?.argument ?? '')).toEqual({
      protocol: 1,
      keyid: key.keyID,
      scheme: key.scheme,
      sha256: createHash('sha256')
        .update(call?.input ?? '')
        .digest('hex'),
      summary: 'targets 7, valid until 2027-06-01T00:00:00Z',
    });
    expect(JSON.parse(Buffer.from(call?.input ?? []).toString())).toEqual(signed.signed);
  });

  it.each([
    ['that fails', { status: 3, stdout: Buffer.alloc(0) }],
    ['that says nothing', { status: 0, stdout: Buffer.alloc(0) }],
    ['that answers for another key', answer({ keyid: 'ab', sig: '00' })],
    ['whose signature is no hex', answer({ keyid: 'KEY', sig: 'base64==' })],
    ['whose signature is wrong', answer({ keyid: 'KEY', sig: '00'.repeat(64) })],
  ])('refuses a command %s', async (_, result) => {
    const { key } = generateKey();
    const stdout = Buffer.from(result.stdout.toString().replace('KEY', key.keyID));
    const signer = commandSigner(key, async () => ({ ...result, stdout }));
    await expect(makeTargets(options, [signer])).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
      facts: { keyID: key.keyID },
    });
  });
});

describe('signMetadata', () => {
  it('checks every signer, also those that are not commands', async () => {
    const { key } = generateKey();
    const wrong = { key, sign: async () => Buffer.alloc(64) };
    await expect(makeTargets(options, [wrong])).rejects.toThrow(TrustError);
  });

  it('gives the same bytes for the same input, whatever the order of signers and entries', async () => {
    const signers = [generateKey(), generateKey(), generateKey()].map(({ privatePEM }) => pemSigner(privatePEM));
    const entry = (path: string) => ({ path, length: 1, sha256: 'a'.repeat(64), custom: {} });
    const one = await makeTargets({ ...options, entries: [entry('a'), entry('b')] }, signers);
    const other = await makeTargets({ ...options, entries: [entry('b'), entry('a')] }, [
      ...signers.toReversed(),
      ...signers,
    ]);
    expect(other).toEqual(one);
    expect(JSON.parse(one.toString()).signatures).toHaveLength(3);
  });
});
