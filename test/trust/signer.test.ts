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

  it('refuses a command that fails, answers for another key, or signs wrongly', async () => {
    const { key, privatePEM } = generateKey();
    const bytes = Buffer.from('what is to be signed');
    const sig = signWith(privatePEM, bytes).toString('hex');
    const keyid = key.keyID;
    const refused = [
      { ...answer({ keyid, sig }), status: 3 },
      { status: 0, stdout: Buffer.alloc(0) },
      answer([keyid, sig]),
      answer({ keyid: 'ab', sig }),
      answer({ keyid, sig: 'base64==' }),
      answer({ keyid, sig: sig.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) }),
    ];
    for (const result of refused) {
      const signing = commandSigner(key, async () => result).sign(bytes, '');
      await expect(signing).rejects.toMatchObject({ code: 'SIGNER_FAILED', facts: { keyID: keyid } });
    }
    const right = commandSigner(key, async () => answer({ keyid, sig: sig.toUpperCase() }));
    expect(await right.sign(bytes, '')).toEqual(Buffer.from(sig, 'hex'));
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
