// .ci/run with an npm that plays the check and the test run: its last line and its status always agree.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const RUN = fileURLToPath(new URL('../.ci/run', import.meta.url));

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ferry-ci-'));
  for (const folder of ['.ci', 'path', 'tmp']) mkdirSync(join(root, folder));
  copyFileSync(RUN, join(root, '.ci/run'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What `npm run check` and `npm test` end with, and the report that the latter leaves. */
function gate(npm: { check?: number; test?: number; report?: unknown }) {
  writeFileSync(
    join(root, 'path/npm'),
    `#!/bin/sh
case $1 in
  run) exit ${npm.check ?? 0} ;;
  test) for last; do :; done; printf '%s' '${npm.report === undefined ? '' : JSON.stringify(npm.report)}' >"\${last#*=}"; exit ${npm.test ?? 0} ;;
esac`,
  );
  chmodSync(join(root, 'path/npm'), 0o755);
  const env = { PATH: `${join(root, 'path')}:${process.env['PATH']}`, TMPDIR: join(root, 'tmp') };
  const { status, stdout } = spawnSync('bash', [join(root, '.ci/run')], { env, encoding: 'utf8' });
  expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  return { status, last: stdout.split('\n').at(-2) };
}

function report(passed: number, failed: number, files: readonly unknown[] = []) {
  return { numPassedTests: passed, numFailedTests: failed, testResults: files };
}

describe('.ci/run', () => {
  it('ends with the true counts', () => {
    expect(gate({ report: report(12, 0) })).toEqual({ status: 0, last: '12 passed, 0 failed' });
  });

  it('fails when a test fails', () => {
    const file = { status: 'failed', assertionResults: [{ status: 'failed' }] };
    expect(gate({ report: report(11, 1, [file]), test: 1 })).toEqual({ status: 1, last: '11 passed, 1 failed' });
  });

  it('counts a file that does not load', () => {
    const file = { status: 'failed', assertionResults: [] };
    expect(gate({ report: report(11, 0, [file]), test: 1 })).toEqual({ status: 1, last: '11 passed, 1 failed' });
  });

  it('counts a failed check', () => {
    expect(gate({ report: report(12, 0), check: 1 })).toEqual({ status: 1, last: '12 passed, 1 failed' });
  });

  it('fails when the test run dies without a report', () => {
    expect(gate({ test: 137 })).toEqual({ status: 1, last: '0 passed, 1 failed' });
  });

  it('fails when the test run ends badly though every test passed', () => {
    expect(gate({ report: report(12, 0), test: 1 })).toEqual({ status: 1, last: '12 passed, 1 failed' });
  });

  it('fails when no test ran', () => {
    expect(gate({ report: report(0, 0) })).toEqual({ status: 1, last: '0 passed, 1 failed' });
  });
});
