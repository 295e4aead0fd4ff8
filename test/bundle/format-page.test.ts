// docs/format.md has an example with byte offsets; here it is made, and must be what the page says.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { writeBundle } from '../../src/bundle/index.ts';
import { temporaryFolder, testBundle } from '../support/bundles.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const page = readFileSync(fileURLToPath(new URL('../../docs/format.md', import.meta.url)), 'utf8');

describe('docs/format.md', () => {
  it('shows an example that is what ferry writes', async () => {
    // a plain layer: a compressed one would depend on the version of zlib
    const layers = [{ bytes: generatedLayer('golden', 1000), compression: 'none' as const }];
    const files = { 'compose.yaml': Buffer.from('services: {}\n'), empty: Buffer.alloc(0) };
    const { plan, sources } = await testBundle({ images: { 'ghcr.io/a/golden:1': buildImage({ layers }) }, files });
    const path = `${folder.path}/golden.ferry.tar`;
    const { sha256 } = await writeBundle(plan, { path, ...sources });
    const tar = readFileSync(path);

    const rows = [...page.matchAll(/^\| (\d+) \| (\d+) \| (\d+) \| `(.+)` \|$/gm)].map((row) => row.slice(1));
    expect(rows).toEqual(
      plan.entries.map(({ name, size, headerOffset, dataOffset }) => [
        `${headerOffset}`,
        `${dataOffset}`,
        `${size}`,
        name,
      ]),
    );
    expect(page).toContain(`18,432 bytes, SHA-256 \`${sha256}\``);
    expect(plan.size).toBe(18432);
    for (const [, offset = '', hex = ''] of page.matchAll(/^([0-9a-f]{8}): ((?:[0-9a-f]{4} ){8})/gm)) {
      const at = Number.parseInt(offset, 16);
      expect(tar.toString('hex', at, at + 16)).toBe(hex.replaceAll(' ', ''));
    }
    for (const name of ['index.json', 'manifest.json']) {
      const entry = plan.entries.find((each) => each.name === name);
      const text = tar.toString('utf8', entry?.dataOffset, (entry?.dataOffset ?? 0) + (entry?.size ?? 0));
      expect(page).toContain(`\n${text}\n`);
    }
  });
});
