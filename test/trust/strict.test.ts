/** The one form that metadata has in a tar: any changed byte is a refusal, and so is any other spelling. */
import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../../src/content/index.ts';
import type { Chain } from '../../src/trust/index.ts';
import { readChain, TrustError } from '../../src/trust/index.ts';
import { createPublisher, generateP256 } from '../support/publisher.ts';

function codeOf(chain: Chain): string {
  try {
    readChain(chain);
  } catch (error) {
    if (error instanceof TrustError) return error.code;
    throw error;
  }
  return 'accepted';
}

/** The chain with its timestamp's envelope changed. */
async function withTimestamp(change: (envelope: Envelope) => void): Promise<Chain> {
  const { chain } = await createPublisher();
  const envelope = JSON.parse(Buffer.from(chain.timestamp).toString()) as Envelope;
  change(envelope);
  return { ...chain, timestamp: canonicalJSON(envelope) };
}

interface Envelope {
  signatures: { keyid: string; sig: string }[];
  signed: Record<string, unknown>;
  [name: string]: unknown;
}

/** A chain whose timestamp says something else, signed by its key. */
async function signedTimestamp(change: (signed: Record<string, unknown>) => void): Promise<Chain> {
  const publisher = await createPublisher();
  const { signed } = JSON.parse(Buffer.from(publisher.chain.timestamp).toString()) as Envelope;
  change(signed);
  return { ...publisher.chain, timestamp: await publisher.sign('timestamp', signed) };
}

describe('readChain', () => {
  it.each([
    ['Ed25519', undefined],
    ['P-256', generateP256],
  ])('refuses a chain with one bit changed, wherever it is (%s)', async (_, makeKey) => {
    const publisher = await createPublisher({ ...(makeKey && { makeKey }) });
    await publisher.release('1.0.0');
    await publisher.rotate(['root', 'timestamp']);
    const { chain } = publisher;
    expect(codeOf(chain)).toBe('accepted');
    for (const [where, bytes] of [...chain.roots.entries(), ...Object.entries(chain)]) {
      if (!(bytes instanceof Uint8Array)) continue;
      for (let offset = 0; offset < bytes.length; offset += 3) {
        const changed = Buffer.from(bytes);
        changed[offset] = (changed[offset] as number) ^ (1 << (offset % 8));
        const broken =
          typeof where === 'number'
            ? { ...chain, roots: chain.roots.with(where, changed) }
            : { ...chain, [where]: changed };
        expect({ where, offset, code: codeOf(broken) }).not.toMatchObject({ code: 'accepted' });
      }
    }
  });

  it('refuses any cut-off part', async () => {
    const { chain } = await createPublisher();
    for (let length = 0; length < chain.timestamp.length; length += 1) {
      expect(codeOf({ ...chain, timestamp: chain.timestamp.subarray(0, length) })).not.toBe('accepted');
    }
  });

  it('refuses another spelling of the same metadata', async () => {
    const { chain } = await createPublisher();
    const text = Buffer.from(chain.timestamp).toString();
    const spellings = [
      `${text}\n`,
      ` ${text}`,
      `\uFEFF${text}`,
      text.replace('"version":1', '"version":1.0'),
      text.replace('timestamp', '\\u0074imestamp'),
    ];
    for (const spelling of spellings)
      expect(codeOf({ ...chain, timestamp: Buffer.from(spelling) })).toBe('NOT_CANONICAL');
    const doubled = text.replace('"signed":{', '"signed":{"_type":"root",');
    expect(codeOf({ ...chain, timestamp: Buffer.from(doubled) })).toBe('NOT_CANONICAL');
  });

  it('refuses hex in capitals', async () => {
    const chain = await withTimestamp(({ signatures: [first] }) => {
      if (first) first.sig = first.sig.toUpperCase();
    });
    expect(codeOf(chain)).toBe('NOT_CANONICAL');
  });

  it('refuses what is written outside of what was signed', async () => {
    expect(codeOf(await withTimestamp((envelope) => Object.assign(envelope, { note: 'not signed' })))).toBe(
      'NOT_CANONICAL',
    );
    const inside = await withTimestamp(({ signatures: [first] }) => Object.assign(first ?? {}, { note: 'not signed' }));
    expect(codeOf(inside)).toBe('NOT_CANONICAL');
  });

  it('refuses a surplus signature that is not right, although enough others are', async () => {
    const other = await createPublisher();
    const chain = await withTimestamp(({ signatures }) => {
      signatures.push({ keyid: other.holders.root[0]?.key.keyID ?? '', sig: signatures[0]?.sig ?? '' });
    });
    expect(codeOf(chain)).toBe('SIGNATURE_INVALID');
  });

  it('lets unknown fields pass that were signed', async () => {
    expect(codeOf(await signedTimestamp((signed) => Object.assign(signed, { note: 'signed' })))).toBe('accepted');
  });

  it.each([
    ['without issued', (signed: Record<string, unknown>) => delete signed['issued']],
    [
      'with issued in another form',
      (signed: Record<string, unknown>) => Object.assign(signed, { issued: '2026-06-01T00:00:00.5Z' }),
    ],
    [
      'with expires in another form',
      (signed: Record<string, unknown>) => Object.assign(signed, { expires: '2027-06-01' }),
    ],
    ['of another spec', (signed: Record<string, unknown>) => Object.assign(signed, { spec_version: '1.9' })],
    [
      'that lists more than the snapshot',
      (signed: Record<string, unknown>) => Object.assign(signed['meta'] as object, { 'a.json': { version: 1 } }),
    ],
  ])('refuses a timestamp %s, signed as it is', async (_, change) => {
    expect(codeOf(await signedTimestamp(change))).toBe('NOT_CANONICAL');
  });

  it('refuses snapshot meta without hashes', async () => {
    const chain = await signedTimestamp((signed) =>
      Object.assign(signed, { meta: { 'snapshot.json': { version: 1 } } }),
    );
    expect(codeOf(chain)).toBe('NOT_CANONICAL');
  });

  it('refuses roots that do not begin with the first', async () => {
    const publisher = await createPublisher();
    await publisher.rotate(['root']);
    expect(codeOf({ ...publisher.chain, roots: publisher.chain.roots.slice(1) })).toBe('METADATA_INVALID');
  });

  it('refuses a first root that too few of its own holders signed', async () => {
    const publisher = await createPublisher({ sizes: { root: { keys: 2, threshold: 2 } } });
    const { signed } = JSON.parse(publisher.root.toString()) as Envelope;
    publisher.holders.root.pop();
    const roots = [await publisher.sign('root', signed)];
    expect(codeOf({ ...publisher.chain, roots })).toBe('SIGNATURE_THRESHOLD');
  });

  it.each([[0], [-1], [1e21]])('refuses the number %s, signed as it is', async (version) => {
    expect(codeOf(await signedTimestamp((signed) => Object.assign(signed, { version })))).toBe('METADATA_INVALID');
  });

  it('names every file as the tar does, in its order, and the end of validity', async () => {
    const publisher = await createPublisher();
    await publisher.rotate(['root']);
    await publisher.publish({ expires: { snapshot: new Date('2026-08-01T00:00:00Z') } });
    const view = readChain(publisher.chain);
    const names = ['1.root', '2.root', 'timestamp', '3.snapshot', '3.targets'].map((name) => `tuf/${name}.json`);
    expect(view.files.map(({ name }) => name)).toEqual(names);
    expect(view.files.map(({ bytes }) => bytes)).toContain(publisher.chain.timestamp);
    expect(view.importableUntil).toEqual(new Date('2026-08-01T00:00:00Z'));
  });
});
