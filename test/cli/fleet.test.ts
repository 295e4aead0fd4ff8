// A site and its office get to know each other, on the command line: site init, site card, fleet add, fleet list; what
// they print, and every refusal that a person may meet, with its line, hint and status.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateIdentity } from '../../src/seal/index.ts';
import { ensureSiteIdentity, findSiteIdentity, makeSiteCard } from '../../src/site/index.ts';
import { openState } from '../../src/state/index.ts';
import { createWorkspace } from '../../src/workspace/index.ts';
import { jsonLines, jsonResult, type MainOptions, runMain } from '../support/cli.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const HEX = /^[0-9a-f]{64}$/;

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-fleet-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** With no engine: a card does without. */
function run(argv: readonly string[], options: MainOptions = {}) {
  const env = {
    DOCKER_HOST: `unix://${dir}/none.sock`,
    FERRY_STATE: 'state',
    FERRY_WORKSPACE: 'office',
    ...options.env,
  };
  return runMain(argv, { cwd: dir, ...options, env });
}

const office = (product = 'atrium', name = 'office') => createWorkspace(join(dir, name), { product, now: NOW });

/** Makes the site and its card. */
async function carded(): Promise<Record<string, unknown>> {
  await run(['site', 'init', '--name', 'plant 1']);
  return jsonResult(await run(['site', 'card', '--out', 'site.json', '--json']));
}

/** The site signs something else, with its own key. */
async function signed(change: object, at = 'state'): Promise<void> {
  const identity = await ensureSiteIdentity(await openState(join(dir, at)), { name: 'plant 1' });
  await writeFile(join(dir, 'site.json'), makeSiteCard({ identity, holds: [], now: NOW, ...change }));
}

describe('ferry site init', () => {
  it('makes the identity and prints what is to be read out', async () => {
    const { status, stdout, stderr } = await run(['site', 'init', '--name', 'plant 1', '--state', 'here']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^this site has its identity now\nsite {3}[0-9a-f]{16}\nname {3}plant 1\nkey {4}[0-9a-f]{64}\nwords {2}(\w+ ){5}\w+\n {7}(\w+ ){5}\w+\nThe office asks/,
    );
    const identity = await findSiteIdentity(await openState(join(dir, 'here')));
    expect(stdout).toContain(`${identity?.key.keyID}`);
  });

  it('has its result in JSON, the same each time', async () => {
    const init = async (...more: string[]) => jsonResult(await run(['site', 'init', ...more, '--json']));
    const made = await init('--name', 'plant 1');
    expect(made).toEqual({
      ...{ event: 'result', action: 'made', name: 'plant 1', site: expect.stringMatching(/^[0-9a-f]{16}$/) },
      ...{ fingerprint: expect.stringMatching(HEX), words: expect.any(Array) },
    });
    expect(made['words']).toHaveLength(12);
    expect(`${made['fingerprint']}`.startsWith(`${made['site']}`)).toBe(true);
    expect(await init('--name', 'plant 1')).toEqual({ ...made, action: 'same' });
    expect(await init()).toEqual({ ...made, action: 'same' });
  });

  it('says that it renames, and what the name was', async () => {
    await run(['site', 'init', '--name', 'plant 1']);
    const { status, stdout } = await run(['site', 'init', '--name', 'plant 2']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^this site has another name now; before it was "plant 1"\nsite .*\nname {3}plant 2\n/);
    expect((await run(['status'])).stdout).toMatch(/^site\s+plant 2 \([0-9a-f]{16}\)$/m);
  });

  it('refuses a name that is none, and makes nothing', async () => {
    const { status, stderr } = await run(['site', 'init', '--name', 'plant\n1']);
    expect(status).toBe(2);
    expect(stderr).toBe(
      'ferry: error: name the site: expected one line of 1 to 64 characters that is no site ID, got another text\n' +
        'ferry: hint: name it as people do: "plant 1"; no line break, at most 64 characters\n',
    );
    await expect(readFile(join(dir, 'state/state.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('ferry site card', () => {
  it('writes the card, and says what it could not ask', async () => {
    await run(['site', 'init', '--name', 'plant 1']);
    const { status, stdout, stderr } = await run(['site', 'card', '--out', 'site.json']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^card of this site: .*\/site\.json\nsite {3}[0-9a-f]{16}\nname {3}plant 1\nkey /);
    expect(stderr).toMatch(/^ferry: warning: the card says nothing of engine and images: .*\n$/);
    expect(JSON.parse(await readFile(join(dir, 'site.json'), 'utf8')).signed).toMatchObject({
      ...{ type: 'site-card', name: 'plant 1', issued: NOW.toISOString() },
    });
  });

  it('has the path and the fingerprint in JSON', async () => {
    expect(await carded()).toEqual({
      ...{ event: 'result', path: join(dir, 'site.json'), name: 'plant 1', site: expect.any(String) },
      ...{ fingerprint: expect.stringMatching(HEX), words: expect.any(Array), warnings: [expect.any(String)] },
    });
  });

  it('is refused where there is no site, with the way to one', async () => {
    const { status, stderr } = await run(['site', 'card', '--out', 'site.json']);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^ferry: error: make site card: .*\nferry: hint: make it: `ferry site init --name NAME`/);
  });

  it('wants a file', async () => {
    expect((await run(['site', 'card'])).stderr).toContain("required option '--out <file>' not specified");
    expect((await run(['site'])).status).toBe(2);
  });
});

describe('ferry fleet add', () => {
  beforeEach(async () => {
    await office();
  });

  it('asks for the fingerprint before it shows anything of it', async () => {
    const { words, site } = await carded();
    const answers = [(words as string[]).join(' ')];
    const { status, stdout, questions } = await run(['fleet', 'add', 'site.json'], { answers });
    expect(questions).toEqual(['the 12 words or 64 digits that `ferry site card` printed at the site: ']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^this site is known now\nsite {3}[0-9a-f]{16}\nname {3}plant 1\nkey {4}[0-9a-f]{64}\nwords /,
    );
    expect(JSON.parse(await readFile(join(dir, `office/fleet/${site}.json`), 'utf8'))).toMatchObject({
      confirmed: true,
    });
  });

  it('takes the digits of the key, and what sha256sum prints of the card', async () => {
    const { fingerprint, site, words } = await carded();
    const sum = spawnSync('sha256sum', ['site.json'], { cwd: dir, encoding: 'utf8' }).stdout.slice(0, 64);
    expect(sum).toMatch(HEX);
    for (const text of [`${fingerprint}`, sum]) {
      await rm(join(dir, 'office/fleet'), { recursive: true, force: true });
      const ran = await run(['fleet', 'add', 'site.json', '--fingerprint', text, '--json']);
      expect(jsonResult(ran)).toEqual({
        ...{ event: 'result', action: 'added', site, name: 'plant 1', confirmed: true, fingerprint, words },
      });
    }
    const again = await run(['fleet', 'add', 'site.json']);
    expect(again).toMatchObject({ status: 0, stdout: expect.stringMatching(/^nothing to do: /) });
  });

  it('shows nothing of the fingerprint that was not matched', async () => {
    const { fingerprint } = await carded();
    const { status, stdout, stderr } = await run(['fleet', 'add', 'site.json', '--fingerprint', '0'.repeat(64)]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).not.toContain(`${fingerprint}`.slice(0, 8));
    expect(stderr).toMatch(/^ferry: error: add site: .*\nferry: hint: compare with what `ferry site card` printed/);
  });

  it('refuses to ask where nobody is', async () => {
    await carded();
    const { status, stderr } = await run(['fleet', 'add', 'site.json']);
    expect(status).toBe(3);
    expect(stderr).toContain('ferry: hint: give --fingerprint with what `ferry site card` printed at the site');
  });

  it('pins without a comparison with --yes, and the list goes on saying so', async () => {
    const { site, fingerprint } = await carded();
    const added = await run(['fleet', 'add', 'site.json', '--yes', '--json']);
    expect(jsonResult(added)).toEqual({ event: 'result', action: 'added', site, name: 'plant 1', confirmed: false });
    expect(added.stderr).toContain('ferry: warning: nobody has compared "plant 1"');
    const { status, stdout } = await run(['fleet', 'list']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^[0-9a-f]{16} {2}plant 1 {2}not compared {2}card of 2026-11-23 {2}nothing installed\s*\n! plant 1 /,
    );
    expect(stdout).not.toContain(`${fingerprint}`);
  });

  it.each<[string, string, RegExp, () => Promise<void>]>([
    ['3', 'was altered', /SIGNATURE_INVALID/, () => change((text) => text.replace('plant 1', 'plant 2'))],
    ['3', 'is no card', /ENVELOPE_INVALID/, () => change(() => '{"hello":1}')],
    ['3', 'is of a site of another product', /CARD_PRODUCT/, () => signed({ product: 'kiosk' })],
    ['1', 'is not there', /FILE_NOT_FOUND/, () => rm(join(dir, 'site.json'))],
    ['2', 'is a folder', /FILE_KIND/, () => folder()],
  ])('status %s when the card %s', async (status, _what, code, harm) => {
    await carded();
    await harm();
    const ran = await run(['fleet', 'add', 'site.json', '--yes', '--json']);
    expect(jsonResult(ran)['code']).toMatch(code);
    expect(`${ran.status}`).toBe(status);
    expect(jsonResult(await run(['fleet', 'list', '--json']))).toEqual({ event: 'result', sites: [] });
  });

  it('status 5 for a card of a later format, with the ferry that is needed', async () => {
    await carded();
    const text = await readFile(join(dir, 'site.json'), 'utf8');
    await writeFile(join(dir, 'site.json'), text.replace('"format":1,', '"format":2,').replace('"0.1.0"', '"3.1.0"'));
    const ran = await run(['fleet', 'add', 'site.json', '--yes']);
    expect(ran.status).toBe(5);
    expect(ran.stderr).toContain('which needs ferry 3.1.0');
  });

  it('status 3 for another age key, until somebody compared it', async () => {
    const { fingerprint } = await carded();
    await run(['fleet', 'add', 'site.json', '--fingerprint', `${fingerprint}`]);
    const age = await generateIdentity();
    await writeFile(join(dir, 'state/identity/age.txt'), `${age.identity}\n`);
    await run(['site', 'card', '--out', 'site.json'], { now: new Date('2026-11-24T12:00:00Z') });
    for (const more of [[], ['--yes']]) {
      const refused = await run(['fleet', 'add', 'site.json', ...more]);
      expect(refused.status).toBe(3);
      expect(refused.stderr).toMatch(
        /expected the age key that is pinned for "plant 1", got another\nferry: hint: find out/,
      );
    }
    const added = await run(['fleet', 'add', 'site.json', '--fingerprint', `${fingerprint}`, '--json']);
    expect(jsonResult(added)).toMatchObject({ action: 'updated', confirmed: true });
    expect(jsonResult(await run(['fleet', 'list', '--json']))['sites']).toMatchObject([{ recipient: age.recipient }]);
  });

  async function change(how: (text: string) => string): Promise<void> {
    await writeFile(join(dir, 'site.json'), how(await readFile(join(dir, 'site.json'), 'utf8')));
  }

  async function folder(): Promise<void> {
    await rm(join(dir, 'site.json'));
    await mkdir(join(dir, 'site.json'));
  }
});

describe('ferry fleet list', () => {
  it('has nothing to say of an empty fleet but how to fill it', async () => {
    await office();
    expect(await run(['fleet', 'list'])).toMatchObject({
      ...{ status: 0, stdout: 'no site is known: ferry fleet add CARD\n' },
    });
  });

  it('tells by name what each site has, and two of one name apart', async () => {
    await office();
    for (const [state, product] of [
      ['b', 'atrium'],
      ['a', undefined],
    ] as const) {
      await signed({ product, trust: { root: 1, catalogue: 3, sequence: 7 } }, state);
      await run(['fleet', 'add', 'site.json', '--yes']);
    }
    const { sites } = jsonResult(await run(['fleet', 'list', '--json'])) as { sites: Record<string, unknown>[] };
    expect(sites.map(({ name, sequence }) => [name, sequence])).toEqual([
      ['plant 1', 7],
      ['plant 1', 7],
    ]);
    expect(new Set(sites.map(({ site }) => site)).size).toBe(2);
    expect(jsonLines(await run(['fleet', 'list', '--json']))).toHaveLength(1);
  });

  it('wants a workspace', async () => {
    const { status, stderr } = await run(['fleet', 'list'], { env: { FERRY_WORKSPACE: '' } });
    expect(status).toBe(2);
    expect(stderr).toContain('give --workspace DIR or set FERRY_WORKSPACE');
  });
});
