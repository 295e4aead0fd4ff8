// The single executable as a process: what it is, and that nothing of the shell's Node.js gets into it.
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/cli/version.ts';
import { builtFerry } from '../support/executable.ts';

let ferry: string;

beforeAll(async () => {
  ferry = await builtFerry();
});

describe('the executable', () => {
  it('is ferry', () => {
    const { status, stdout, stderr } = spawnSync(ferry, ['--version'], { encoding: 'utf8', env: {} });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: '' });
  });
});
