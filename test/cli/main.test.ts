import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonResult, runMain } from '../support/cli.ts';
import { temporaryFolder } from '../support/workspaces.ts';

const COMMANDS = [
  ...['init', 'export', 'keys', 'catalogue', 'inspect', 'verify', 'copy', 'kit', 'sheet'],
  ...['trust', 'import', 'status'],
];

describe('ferry --help', () => {
  it('names every command and every exit status', async () => {
    const { status, stdout, stderr } = await runMain(['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    for (const exit of [0, 1, 2, 3, 4, 5, 6, 10, 75, 130]) expect(stdout).toMatch(new RegExp(`(^|  +)${exit}  `, 'm'));
  });

  it.each(COMMANDS)('%s shows examples, in lines that fit', async (command) => {
    const { status, stdout } = await runMain([command, '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain(`$ ferry ${command}`);
    expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  it.each([
    ...['list', 'rotate', 'add', 'revoke', 'sign', 'assemble'].map((name) => ['keys', name]),
    ...['list', 'revoke', 'export'].map((name) => ['catalogue', name]),
    ...['init', 'card'].map((name) => ['site', name]),
    ...['add', 'list'].map((name) => ['fleet', name]),
  ])('%s %s shows examples that are its own, and what it does in a sentence', async (command, name) => {
    const { status, stdout } = await runMain([command, name, '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain(`$ ferry ${command} ${name}`);
    expect(stdout).toMatch(/^Usage: .*\n\n[A-Z](?:.|\n)*?\.\n\n/);
    expect(stdout).toContain('--json');
    expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  it.each([
    ['init', '--product --no-passphrase --root-keys --threshold --validity --root-validity --restore'],
    ['init', '--passphrase-file --signer-cmd'],
    ['export', '--out --platform --mirror --plain-http --ca --cert --key --revoke-former --fresh'],
    ['export', '--workspace --passphrase-file --signer-cmd'],
    ['verify', '--trust --fingerprint --integrity-only --state'],
    ['inspect', '--state'],
    ['kit', '--bundle --workspace'],
    ['sheet', '--out --workspace'],
    ['trust', '--fingerprint --replace --reason --yes --state'],
    ['import', '--no-card-on-medium --no-receipt-on-medium'],
    ['import', '--fingerprint --dry-run --allow-downgrade --keep-local --replace --reason --yes --state --prefix'],
    ['status', '--state'],
  ])('%s has %s', async (command, options) => {
    const { stdout } = await runMain([command, '--help']);
    for (const option of [...options.split(' '), '--json']) expect(stdout).toMatch(new RegExp(`^ +${option}\\b`, 'm'));
  });

  it('is the same for catalog as for catalogue', async () => {
    expect((await runMain(['catalog', '--help'])).stdout).toBe((await runMain(['catalogue', '--help'])).stdout);
  });
});

describe('ferry --version', () => {
  it('prints the version alone', async () => {
    expect(await runMain(['--version'])).toMatchObject({ status: 0, stdout: '0.1.0\n', stderr: '' });
  });
});

describe('wrong usage', () => {
  it.each([
    [['exprt'], "unknown command 'exprt'", 'ferry --help'],
    [['export', 'a.yaml'], "required option '--out <dir>' not specified", 'ferry export --help'],
    [['import'], "missing required argument 'bundle'", 'ferry import --help'],
    [
      ['import', 'a', 'b'],
      "too many arguments for 'import'. Expected 1 argument but got 2: a, b",
      'ferry import --help',
    ],
    [['export', 'a.yaml', '--out'], "option '--out <dir>' argument missing", 'ferry export --help'],
    [
      ['export', 'a.yaml', '--out', '.', '--mirror'],
      "option '--mirror <host=host[/prefix]>' argument missing",
      'ferry export --help',
    ],
    [['keys', 'add', 'root', '--threshold'], "option '--threshold <count>' argument missing", 'ferry keys add --help'],
    [['keys', 'lst'], "unknown command 'lst'", 'ferry keys --help'],
    [['fleet', 'lst'], "unknown command 'lst'", 'ferry fleet --help'],
    [['site', 'card'], "required option '--out <file>' not specified", 'ferry site card --help'],
    [
      ['init', 'a', '--product', 'ab', '--root-keys', 'a/keys'],
      '--root-keys: expected a folder outside of the workspace, got "a/keys"',
      'ferry init --help',
    ],
    [['status', '--workspace', 'a'], "unknown option '--workspace'", 'ferry status --help'],
    [
      ['keys', 'rotate', 'boss'],
      'role: expected root, targets, snapshot, timestamp, got "boss"',
      'ferry keys rotate --help',
    ],
    [
      ['init', 'a', '--product', 'Atrium'],
      '--product: expected lower-case letters, digits and -, got "Atrium"',
      'ferry init --help',
    ],
    [
      ['init', 'a', '--product', 'ab', '--threshold', 'root=3/2'],
      '--threshold: expected ROLE=T/N with T of N keys, got "root=3/2"',
      'ferry init --help',
    ],
    [
      ['init', 'a', '--product', 'ab', '--threshold', 'root'],
      '--threshold: expected KEY=VALUE, got "root"',
      'ferry init --help',
    ],
    [
      ['init', 'a', '--product', 'ab', '--validity', 'long'],
      "option '--validity <days>' argument 'long' is invalid: expected a whole number, 1 or more",
      'ferry init --help',
    ],
    [
      ['export', 'a.yaml', '--out', '.', '--workspace', 'w', '--cert', 'c'],
      '--cert and --key: expected both, got one',
      'ferry export --help',
    ],
    [['import', 'a', '--allow-downgrade'], '--allow-downgrade: an override needs --reason TEXT', 'ferry import --help'],
    [
      ['import', 'a', '--keep-local', 'b', '--replace', 'b', '--reason', 'c'],
      '--keep-local, --replace: expected one of them for a file, got both for "b"',
      'ferry import --help',
    ],
    [['recover', '--before', 'a.service'], '--before: expected --boot-unit with it, got none', 'ferry recover --help'],
    [['trust', 'a', '--replace', '--reason', ' '], '--replace: an override needs --reason TEXT', 'ferry trust --help'],
  ])('%j is status 2 with one line and a hint', async (argv, line, help) => {
    const { status, stdout, stderr } = await runMain(argv);
    expect(stderr).toBe(`ferry: error: ${line}\nferry: hint: \`${help}\` shows how\n`);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('is one JSON object with --json, also when the options are wrong', async () => {
    const ran = await runMain(['import', '--json']);
    expect(ran).toMatchObject({ status: 2, stderr: '' });
    expect(jsonResult(ran)).toEqual({
      event: 'error',
      code: 'USAGE',
      message: "missing required argument 'bundle'",
      hint: '`ferry import --help` shows how',
      exit: 2,
    });
  });

  it('without a command shows the help on stderr', async () => {
    const { status, stdout, stderr } = await runMain([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: ferry/);
    expect(stderr).toMatch(/ferry: error: expected a command, got none\n/);
  });

  it('names the workspace that nobody named', async () => {
    const { status, stderr } = await runMain(['catalogue', 'list']);
    expect(status).toBe(2);
    expect(stderr).toContain('hint: give --workspace DIR or set FERRY_WORKSPACE');
  });

  it('refuses a SOURCE_DATE_EPOCH that is no number', async () => {
    const { status, stderr } = await runMain(['init', 'a', '--product', 'ab', '--no-passphrase'], {
      env: { SOURCE_DATE_EPOCH: 'yesterday' },
    });
    expect(status).toBe(2);
    expect(stderr).toContain('read SOURCE_DATE_EPOCH: expected seconds since 1970, got "yesterday"');
  });
});

describe('a name on a stick that a terminal would act on', () => {
  const NAME = 'a\u001b]0;owned\u0007\nferry: done\u009b2J\u202e.ferry.tar';

  it.each(['inspect', 'verify'])('is spelled out by %s, on one line', async (command) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, NAME), 'x');
    const { status, stdout, stderr } = await runMain([command, folder]);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toContain('a\\u{1b}]0;owned\\u{7}\\u{a}ferry: done\\u{9b}2J\\u{202e}.ferry.tar');
    expect(stderr).not.toMatch(/[[\p{Cc}\p{Cf}]--\n]/v);
  });

  it('is spelled out in what is listed', async () => {
    const folder = await temporaryFolder();
    for (const at of [1, 2]) await writeFile(join(folder, `${at}${NAME}`), 'x');
    const { stderr } = await runMain(['inspect', folder]);
    expect(stderr).toContain('got 2: ');
    expect(stderr).not.toMatch(/[[\p{Cc}\p{Cf}]--\n]/v);
  });
});
