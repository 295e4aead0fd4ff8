import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trackCoverage } from '../../src/bundle/coverage.ts';

describe('trackCoverage', () => {
  it('tells each chunk once, when its last byte is written, whatever the order', () => {
    const cuts = fc.uniqueArray(fc.nat({ max: 999 }), { maxLength: 30 });
    const order = fc.infiniteStream(fc.nat());
    fc.assert(
      fc.property(cuts, order, (points, random) => {
        const edges = [0, ...points.filter((p) => p > 0).sort((a, b) => a - b), 1000];
        const pieces = edges.slice(1).map((end, at) => ({ end, bytes: end - (edges[at] ?? 0) }));
        const shuffled = pieces.map((piece) => ({ piece, key: random.next().value })).sort((a, b) => a.key - b.key);
        const completed: number[] = [];
        const cover = trackCoverage({ size: 1000, chunkSize: 64, completed: (chunk) => completed.push(chunk) });
        const told = new Set<number>();
        for (const { piece } of shuffled) {
          cover(piece.end, piece.bytes);
          for (let at = piece.end - piece.bytes; at < piece.end; at++) told.add(at);
          for (const chunk of completed) {
            for (let at = chunk * 64; at < Math.min(1000, chunk * 64 + 64); at++) expect(told.has(at)).toBe(true);
          }
        }
        expect([...completed].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, chunk) => chunk));
      }),
      { numRuns: 30 },
    );
  });
});
