/** docs/state.md names all that an import, a rollback and an overlay leave in the state of a site. */

import { readdir, readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rollBack } from '../../src/install/index.ts';
import { makeImage } from '../support/images.ts';
import { type Lab, NOW, useSite } from './lab.ts';

let lab: Lab;
useSite((made) => {
  lab = made.lab;
});

const APP = makeImage({ name: 'registry.example/atrium/app:1', layers: [{ files: { app: '1' } }] });

/** Names as the page writes them: `releases/<n>/kept/<hex>`. */
async function names(): Promise<readonly string[]> {
  const entries = await readdir(lab.stateDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  const paths = files.map(({ parentPath, name }) => relative(lab.stateDir, `${parentPath}/${name}`));
  const said = paths.map((path) => path.replace(/^releases\/\d+\//, '').replace(/^kept\/[0-9a-f]{64}$/, 'kept/<hex>'));
  return [...new Set(said.map((path) => path.replace(/^files\/.*/, 'files/<name>').replace(/^\.trust-\d+\//, '')))];
}

describe('docs/state.md', () => {
  it('names every file of a site that was installed, left and rolled back', async () => {
    const file = (text: string) => ({ name: 'compose.yaml', text, install: '/etc/atrium/compose.yaml' });
    const first = await lab.release({ release: '1.0.0', images: [APP], files: [file('services: {}\n')] });
    await lab.import(first.path);
    const second = await lab.release({ release: '2.0.0', images: [], files: [file('services: {} # 2\n')] });
    await lab.import(second.path);
    await rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });
    const page = await readFile(new URL('../../docs/state.md', import.meta.url), 'utf8');
    const found = await names();
    expect(found).toEqual(
      expect.arrayContaining(['installed.json', 'receipt.json', 'releases/current', 'audit.jsonl']),
    );
    expect(found.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
