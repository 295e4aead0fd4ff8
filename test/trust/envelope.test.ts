import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../../src/content/index.ts';
import { generateKey, openEnvelope, peekEnvelope, publicKeyOf, signEnvelope } from '../../src/trust/index.ts';

const receipt = { type: 'receipt', format: 1, site: 'a'.repeat(16), release: '2.1.0', images: [] };

describe('openEnvelope', () => {
  it('gives back what the site signed, under the site key', () => {
    const { key, privatePEM } = generateKey();
    const bytes = signEnvelope(receipt, privatePEM);
    expect(openEnvelope(bytes, key, 'receipt')).toEqual(receipt);
    expect(peekEnvelope(bytes)).toEqual({ content: receipt, keyID: publicKeyOf(privatePEM).keyID });
    expect(signEnvelope(receipt, privatePEM)).toEqual(bytes);
  });

  it('refuses another key', () => {
    const bytes = signEnvelope(receipt, generateKey().privatePEM);
    expect(() => openEnvelope(bytes, generateKey().key, 'receipt')).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_INVALID' }),
    );
  });

  it('refuses a document of another kind, however well signed', () => {
    const { key, privatePEM } = generateKey();
    const bytes = signEnvelope(receipt, privatePEM);
    expect(() => openEnvelope(bytes, key, 'site-card')).toThrow(expect.objectContaining({ code: 'ENVELOPE_INVALID' }));
  });

  it('refuses a change of any byte', () => {
    const { key, privatePEM } = generateKey();
    const bytes = signEnvelope(receipt, privatePEM);
    for (let offset = 0; offset < bytes.length; offset += 1) {
      const changed = Buffer.from(bytes);
      changed[offset] = (changed[offset] as number) ^ 1;
      expect(() => openEnvelope(changed, key, 'receipt')).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(ENVELOPE|SIGNATURE)_INVALID$/) }),
      );
    }
  });

  it('refuses another spelling, and anything beside what was signed', () => {
    const { key, privatePEM } = generateKey();
    const text = signEnvelope(receipt, privatePEM).toString();
    const others = [
      `${text}\n`,
      text.replace('{"signatures"', '{"note":"x","signatures"'),
      text.replace('"sig":"', '"note":"x","sig":"'),
      text.replace(/"sig":"([^"]+)"/, (_, sig: string) => `"sig":"${sig.toUpperCase()}"`),
      text.replace(/"sig":"([^"]+)"/, '"sig":"$1zz"'),
    ];
    for (const other of others) {
      expect(other).not.toBe(text);
      expect(() => openEnvelope(Buffer.from(other), key, 'receipt')).toThrow(
        expect.objectContaining({ code: 'ENVELOPE_INVALID' }),
      );
    }
  });

  it('refuses what is not an envelope', () => {
    const { key } = generateKey();
    const no = [
      '',
      'x',
      '[]',
      '{}',
      '{"signed":1,"signatures":[]}',
      '{"signatures":[],"signed":{"type":"receipt"}}',
      '1.5',
      '{"signatures":[{"keyid":"a","sig":"b"}],"signed":{"type":"receipt","x":1.5}}',
    ];
    for (const text of no) {
      expect(() => openEnvelope(Buffer.from(text), key, 'receipt')).toThrow(
        expect.objectContaining({ code: 'ENVELOPE_INVALID' }),
      );
    }
    const twice = canonicalJSON({
      signatures: [
        { keyid: 'a', sig: 'b' },
        { keyid: 'a', sig: 'b' },
      ],
      signed: receipt,
    });
    expect(() => openEnvelope(twice, key, 'receipt')).toThrow(expect.objectContaining({ code: 'ENVELOPE_INVALID' }));
  });
});
