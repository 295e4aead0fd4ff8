import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../src/trust/index.ts';
import { rotateKey } from '../../src/workspace/index.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import { executableBytes, kitOffice } from '../support/kits.ts';
import { NOW } from '../support/proposals.ts';
import { temporaryFolder } from '../support/workspaces.ts';

const run = (...args: string[]) => runMain(args, { now: NOW });

describe('ferry sheet', () => {
  it("has the office's own fingerprint, the executables by their digests, the release and its images", async () => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    const out = join(await temporaryFolder(), 'sheet.html');
    const ran = await run('sheet', bundle, '--out', out, '--workspace', office.workspace.dir, '--json');
    expect(ran.status).toBe(0);
    const { hex, words } = fingerprint(readFileSync(office.workspace.paths.root));
    const sha256 = createHash('sha256').update(executableBytes('1', 'linux/amd64')).digest('hex');
    expect(jsonResult(ran)).toMatchObject({
      ...{ sheet: out, product: 'demo', release: '1', sequence: 1, fingerprint: { hex, words } },
      executables: [{ name: 'ferry-linux-arm64' }, { name: 'ferry-linux-x64', sha256, version: '0.2.0' }, {}],
      images: [{ name: 'registry.example/demo/app:1', configs: [expect.stringMatching(/^sha256:/)] }],
    });
    const page = readFileSync(out, 'utf8').replaceAll(/<\/?b>/g, '');
    for (const text of [hex, sha256, ...words, 'registry.example/demo/app:1', 'ferry-linux-x64', '2027-07-06']) {
      expect(page).toContain(text);
    }
  });

  it('takes the folder that holds the bundle', async () => {
    const office = await kitOffice();
    await office.release('1');
    const out = join(await temporaryFolder(), 'sheet.html');
    expect((await run('sheet', office.out, '--out', out, '--workspace', office.workspace.dir)).status).toBe(0);
  });

  it('is refused for a bundle that does not lead to the root of the workspace, and writes nothing', async () => {
    const [office, other] = [await kitOffice(), await kitOffice()];
    const bundle = await office.release('1');
    const folder = await temporaryFolder();
    const ran = await run('sheet', bundle, '--out', join(folder, 'a.html'), '--workspace', other.workspace.dir);
    expect(ran.status).toBe(3);
    await rotateKey(office.workspace, 'snapshot');
    const late = await run('sheet', bundle, '--out', join(folder, 'b.html'), '--workspace', office.workspace.dir);
    expect(late.status).toBe(3);
    expect(late.stderr).toContain('export again');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('needs a workspace, and a release', async () => {
    const office = await kitOffice();
    const bundle = await office.release('1');
    const out = join(await temporaryFolder(), 'sheet.html');
    expect((await run('sheet', bundle, '--out', out)).status).toBe(2);
    const small = await temporaryFolder();
    await run('catalogue', 'export', '--out', small, '--workspace', office.workspace.dir);
    expect((await run('sheet', small, '--out', out, '--workspace', office.workspace.dir)).status).toBe(2);
  });
});
