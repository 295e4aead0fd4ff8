// The journal of the system, through the real `logger`, into a real datagram socket.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemLogger } from '../../src/cli/system-log.ts';
import { openState } from '../../src/state/index.ts';
import { FERRY } from '../support/cli.ts';
import { createPublisher } from '../support/publisher.ts';
import { startSystemLog, type TestSystemLog } from '../support/system-log.ts';

let dir: string;
let log: TestSystemLog;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-log-'));
  log = await startSystemLog(join(dir, 'log'));
});

afterEach(async () => {
  await log.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('systemLogger', () => {
  it('hands a line over, under the name ferry, however long it is', async () => {
    const line = `{"facts":"${'x'.repeat(5000)}"}`;
    await systemLogger({ socket: log.socket })(line);
    expect(await log.next()).toBe(`<13>ferry: ${line}`);
  });

  it('does nothing where there is no such program, and where there is no log', async () => {
    await systemLogger({ program: join(dir, 'none') })('line');
    await systemLogger({ socket: join(dir, 'none') })('line');
  });

  it('does not wait for a program that hangs', async () => {
    const program = join(dir, 'hangs');
    await writeFile(program, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    const started = performance.now();
    await systemLogger({ program })('line');
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('appendAudit', () => {
  const at = new Date('2026-11-23T10:00:00Z');

  it('hands over the very line that it wrote, with what a terminal might act on escaped', async () => {
    const state = await openState(join(dir, 'state'), { systemLog: systemLogger({ socket: log.socket }) });
    await state.appendAudit({ event: 'refusal', at, facts: { message: 'a\u009b31mred\u202e' } });
    const [line = ''] = await state.readAudit({ last: 1 });
    const told = (await log.next()).replace(/^<13>ferry: /, '');
    expect(told).toContain('a\\u009b31mred\\u202e');
    expect(JSON.parse(told)).toEqual(JSON.parse(line));
  });

  it('is done when nobody takes the line, or never', async () => {
    const never = await openState(join(dir, 'state'), { systemLog: () => new Promise(() => {}) });
    await never.appendAudit({ event: 'trust', at, facts: {} });
    const fails = await openState(join(dir, 'state'), {
      systemLog: () => {
        throw new Error('no log');
      },
    });
    await fails.appendAudit({ event: 'trust', at, facts: {} });
    expect(await fails.verifyAudit()).toMatchObject({ lines: 2 });
  });
});

describe('bin/ferry', () => {
  it("writes into the system's own log", async () => {
    // a /dev of our own, with our log in it: the rest is the machine's
    const script = `
      set -e
      mkdir $1/dev
      for name in null zero urandom random full tty; do touch $1/dev/$name; mount --bind /dev/$name $1/dev/$name; done
      ln -s /proc/self/fd $1/dev/fd
      ln $1/log $1/dev/log
      mount --rbind $1/dev /dev
      exec "$2" trust "$1/root.json" --yes --state "$1/state"`;
    const { root } = await createPublisher({ now: new Date() });
    await writeFile(join(dir, 'root.json'), root);
    spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', dir, FERRY], { encoding: 'utf8' });
    expect(await log.next()).toMatch(/^<13>ferry: \{.*"event":"trust"/);
  });
});
