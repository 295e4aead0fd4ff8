/** Releases by their numbers alone, for tests of the ledger; also used by processes that vitest does not run. */
import type { Digest } from '../../src/oci/index.ts';
import { digestOf } from '../../src/oci/index.ts';
import type { ReleaseProposal } from '../../src/workspace/index.ts';

/** The instant at which every test workspace stands. */
export const NOW: Date = new Date('2026-06-01T00:00:00Z');

/** The same instant, days later. */
export function daysLater(days: number): Date {
  return new Date(NOW.getTime() + days * 86_400_000);
}

/** A release whose content is a word. */
export function proposal(content: string, release = '1', more: Partial<ReleaseProposal> = {}): ReleaseProposal {
  return {
    release: () => release,
    content: contentOf(content),
    build: ({ sequence, issued }) =>
      Buffer.from(JSON.stringify({ content, issued, product: 'demo', release, sequence })),
    ...more,
  };
}

/** The content digest of {@link proposal}. */
export function contentOf(content: string): Digest {
  return digestOf(Buffer.from(content));
}
