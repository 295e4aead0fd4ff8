// What was thrown, as a document or a log can hold it.
import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../src/content/index.ts';
import { FerryError, oneLine } from '../src/errors.ts';

describe('oneLine', () => {
  it('tells the line of an error, of a text, of anything', () => {
    expect(oneLine(new FerryError('read x: gone', { code: 'GONE' }))).toBe('read x: gone');
    expect(oneLine('said')).toBe('said');
    expect(oneLine(undefined)).toBe('undefined');
  });

  it('has no control character, so that canonical JSON takes it', () => {
    const line = oneLine(new Error('a\r\nb\u001b[31mc\u0000\u009bd'));
    expect(line).toBe('a b [31mc d');
    expect(() => canonicalJSON({ line })).not.toThrow();
  });

  it('is cut, as far as is said', () => {
    expect(oneLine('x'.repeat(5000))).toHaveLength(1000);
    expect(oneLine('x'.repeat(5000), 7)).toBe('xxxxxxx');
  });
});
