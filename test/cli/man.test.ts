// ferry(1), as man and groff read it.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { jsonResult, runMain } from '../support/cli.ts';

/** The page in plain text, a hundred columns. */
async function formatted() {
  const { stdout: page } = await runMain(['man']);
  const args = ['-man', '-ww', '-Tutf8', '-P-cbou', '-rLL=100n'];
  return spawnSync('groff', args, { input: page, encoding: 'utf8' });
}

describe('ferry man', () => {
  it('is a page that groff formats without a warning', async () => {
    const { status, stderr } = await formatted();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('has every command with its options, its examples and the exit status', async () => {
    const { stdout } = await formatted();
    const words = stdout.replaceAll(/\s+/g, ' ');
    for (const heading of ['NAME', 'SYNOPSIS', 'COMMANDS', 'ENVIRONMENT', 'FILES', 'EXIT STATUS'])
      expect(stdout).toMatch(new RegExp(`^${heading}$`, 'm'));
    expect(words).toContain('ferry keys assemble [options] <request> <answers...>');
    expect(words).toContain('The same as: ferry catalog');
    expect(words).toContain('--allow-downgrade install an older release than the present one');
    expect(stdout).toMatch(/^ +\$ ferry import \/media\/stick$/m);
    expect(stdout).toMatch(/ 75 {2}the medium is absent$/m);
  });

  it('keeps hyphens, dots and backslashes as they are typed', async () => {
    const { stdout: page } = await runMain(['man']);
    const body = page.split('\n').slice(1); // the first line has the date
    expect(body.filter((line) => /(?<!\\)-/.test(line))).toEqual([]);
    expect(body.filter((line) => /^[.'](?!(SH|SS|TP|PP|nf|fi|B|I)\b)/.test(line))).toEqual([]);
  });

  it('is JSON with --json', async () => {
    const { stdout } = await runMain(['man']);
    expect(jsonResult(await runMain(['man', '--json']))).toEqual({ event: 'result', page: stdout });
  });
});
