// What an import leaves on paper and what status, receipt and support make of it, as a machine and a person see it.
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openState } from '../../src/state/index.ts';
import { type Lab, type LabBundle, useSite } from '../install/lab.ts';
import { jsonLines, jsonResult, runMain } from '../support/cli.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';

const APP = makeImage({ name: 'registry.example/atrium/app:1', layers: [{ files: { app: '1' } }] });

let engine: TestEngine;
let lab: Lab;
let bundle: LabBundle;

useSite((made) => {
  ({ engine, lab } = made);
});
beforeEach(async () => {
  const files = [{ name: 'compose.yaml', text: 'services: {}\n', install: '/etc/atrium/compose.yaml' }];
  bundle = await lab.release({ release: '1.0.0', images: [APP], files });
});

/** A command with its folders as options, as a job would give them. */
const site = (command: string, ...argv: string[]) =>
  runMain([command, ...argv, '--state', lab.stateDir], { cwd: lab.dir, env: { DOCKER_HOST: engine.host } });
const importIt = (...argv: string[]) => site('import', bundle.path, '--prefix', lab.prefix, ...argv);
const receipts = async () => (await readdir(lab.medium)).filter((name) => name.endsWith('.receipt.json'));

describe('ferry import', () => {
  it('shows the receipt before it goes onto the medium, where receipt verify and audit verify take it', async () => {
    const { status, stderr, stdout } = await importIt();
    expect(status).toBe(0);
    const [name = ''] = await receipts();
    expect(name).toMatch(/^atrium-[0-9a-f]{16}-1-\d{8}T\d{6}Z\.receipt\.json$/);
    expect(stderr).toMatch(
      /^ferry: the receipt goes to .*\.receipt\.json:\n {2}installed atrium 1\.0\.0 \(sequence 1\)\n {4}loaded +registry\.example\/atrium\/app:1 +sha256:[0-9a-f]{64}\n {4}installed +.*\/etc\/atrium\/compose\.yaml +sha256:/m,
    );
    expect(stderr).toMatch(/^ {2}engine +docker /m);
    expect(stdout).toContain(join(lab.medium, name));
    const verified = await site('receipt', 'verify', join(lab.medium, name));
    expect({ status: verified.status, second: verified.stdout.split('\n')[1] }).toEqual({
      status: 0,
      second: 'installed atrium 1.0.0 (sequence 1)',
    });
    expect((await site('audit', 'verify', '--receipt', join(lab.medium, name))).status).toBe(0);
  });

  it('tells it as an event with --json, and what became of the copy in the result', async () => {
    const lines = jsonLines(await importIt('--json'));
    const [name = ''] = await receipts();
    const path = join(lab.medium, name);
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'receipt', path, release: '1.0.0', sequence: 1, result: 'installed' }),
    );
    expect(lines.at(-1)).toMatchObject({ event: 'result', receiptCopy: { action: 'written', path } });
  });

  it('writes none with --no-receipt-on-medium', async () => {
    const ran = await importIt('--no-receipt-on-medium', '--json');
    expect(await receipts()).toEqual([]);
    expect(jsonLines(ran).map(({ event }) => event)).not.toContain('receipt');
    expect(jsonResult(ran)).toMatchObject({ receiptCopy: { action: 'declined' } });
  });
});

describe('ferry status --json', () => {
  it('is what the contract says, without a word about the prefix', async () => {
    await importIt();
    const ran = await site('status', '--json');
    expect(ran.status).toBe(0);
    expect(jsonResult(ran)).toMatchObject({
      event: 'result',
      release: '1.0.0',
      sequence: 1,
      images: [{ name: APP.name, imageId: APP.platform.config.digest, ok: true }],
      files: [{ path: `${lab.prefix}/etc/atrium/compose.yaml`, ok: true }],
      attention: [],
    });
  });

  it('is status 10 with a line for each thing that wants a person, for a person too', async () => {
    await importIt();
    await engine.docker('container', 'prune', '-f');
    await rm(join(lab.prefix, 'etc/atrium/compose.yaml'));
    const ran = await site('status', '--json');
    expect(ran.status).toBe(10);
    expect(jsonResult(ran)).toMatchObject({
      attention: [expect.stringContaining('their pins are gone'), expect.stringContaining('compose.yaml is missing')],
      exit: 10,
    });
    const { stdout, status } = await site('status');
    expect(status).toBe(10);
    expect(stdout).toMatch(/^ {2}missing {2}.*\/etc\/atrium\/compose\.yaml$/m);
    expect(stdout).toMatch(/^rollback +to what was here before ferry$/m);
    expect(stdout).toMatch(/^! .*compose\.yaml is missing: import the release again$/m);
  });
});

describe('ferry support', () => {
  it('writes its folder, and leaves out what the environment holds', async () => {
    await importIt();
    const state = await openState(lab.stateDir);
    const at = new Date('2026-11-23T12:00:00Z');
    await state.appendAudit({ event: 'refusal', at, facts: { message: 'said zz-token-zz' } });
    const ran = await runMain(['support', '--out', 'out', '--state', lab.stateDir, '--json'], {
      cwd: lab.dir,
      env: { DOCKER_HOST: engine.host, GHCR_TOKEN: 'zz-token-zz' },
    });
    expect(ran.status).toBe(0);
    const { dir, files } = jsonResult(ran) as { dir: string; files: string[] };
    expect(dir).toMatch(new RegExp(`^${lab.dir}/out/ferry-support-`));
    expect(files).toContain('status.json');
    expect(await readFile(join(dir, 'errors.json'), 'utf8')).toContain('said [redacted]');
    expect(await readFile(join(dir, 'audit.json'), 'utf8')).not.toContain('zz-token-zz');
    const { status, stdout } = await site('support', '--out', 'other');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^wrote .*\/other\/ferry-support-.*\n {2}audit\.json\n[\s\S]*read it before you give it away\n$/,
    );
  });

  it('wants to know where', async () => {
    const { status, stderr } = await site('support');
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr:
        "ferry: error: required option '--out <dir>' not specified\nferry: hint: `ferry support --help` shows how\n",
    });
  });
});
