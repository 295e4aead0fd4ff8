// What the options of `ferry export` reach: certificates, platforms, hosts, a signer command, a passphrase file; and two
// exports of one workspace at once, as two processes.
import { createPublicKey } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { jsonResult, runMain, startFerry } from '../support/cli.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { buildImage, generatedLayer } from '../support/registry.ts';

let certificates: TestCertificates;
let dir: string;
let registry: FakeRegistry;

beforeAll(async () => {
  certificates = await makeCertificates();
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-options-'));
  await mkdir(join(dir, 'stick'));
  await office('init', 'office', '--product', 'demo', '--no-passphrase');
});

afterEach(async () => {
  await registry.stop();
  await rm(dir, { recursive: true, force: true });
});

function env(): Record<string, string> {
  return { FERRY_WORKSPACE: 'office', HOME: dir, PATH: process.env['PATH'] ?? '' };
}

function office(...argv: readonly string[]) {
  return runMain(argv, { cwd: dir, env: env() });
}

/** Serves demo/app:1 for two platforms and writes a manifest of it. */
async function serve(options: Parameters<typeof fakeRegistry>[0] = {}, name = 'demo'): Promise<string[]> {
  registry = await fakeRegistry(options);
  registry.add('demo/app', '1', buildImage({ platforms: ['linux/amd64', 'linux/arm64'] }));
  return manifest(name, '1');
}

async function manifest(name: string, tag: string): Promise<string[]> {
  const text = `product: demo\nrelease: ${name}\nplatforms: [linux/amd64]\nimages:\n  - ${registry.host}/demo/app:${tag}\n`;
  await writeFile(join(dir, `${name}.yaml`), text);
  return ['export', `${name}.yaml`, '--out', 'stick'];
}

/** A program that signs with a key by openssl, whatever key it is asked for. */
function signScript(key: string): string {
  return `cat > ${dir}/in
    keyid=$(printf '%s' "$1" | sed 's/.*"keyid":"\\([0-9a-f]*\\)".*/\\1/')
    sig=$(openssl pkeyutl -sign -rawin -inkey ${key} -in ${dir}/in | od -An -tx1 | tr -d ' \\n')
    printf '{"keyid":"%s","sig":"%s"}' "$keyid" "$sig"`;
}

/** The code and status of a refused run. */
async function refusal(argv: readonly string[]) {
  const ran = await office(...argv, '--json');
  const { code, exit, message } = jsonResult(ran);
  expect(ran.status).toBe(exit);
  return { code, exit, message };
}

describe('certificates', () => {
  it('of an authority are trusted with --ca', async () => {
    const EXPORT = await serve({ tls: certificates });
    await writeFile(join(dir, 'ca.pem'), certificates.caPEM);
    expect(await refusal(EXPORT)).toMatchObject({ code: 'TLS_NOT_TRUSTED', exit: 1 });
    expect((await office(...EXPORT, '--ca', 'ca.pem')).status).toBe(0);
    expect(await refusal([...EXPORT, '--ca', 'gone.pem'])).toMatchObject({
      code: 'OPTION_FILE',
      exit: 2,
      message: 'read the certificates: gone.pem: ENOENT',
    });
    await writeFile(join(dir, 'no.pem'), 'no certificate\n');
    expect(await refusal([...EXPORT, '--ca', 'no.pem'])).toMatchObject({ code: 'CERTIFICATE_FILE_INVALID', exit: 2 });
  });

  it('of this client are shown to a registry that wants one, with --cert and --key', async () => {
    const EXPORT = await serve({ tls: certificates, clientCA: certificates.caPEM });
    await writeFile(join(dir, 'ca.pem'), certificates.caPEM);
    await writeFile(join(dir, 'cert.pem'), certificates.client.certPEM);
    await writeFile(join(dir, 'key.pem'), certificates.client.keyPEM);
    const known = [...EXPORT, '--ca', 'ca.pem', '--cert', 'cert.pem'];
    expect((await office(...known, '--key', 'key.pem')).status).toBe(0);
    expect(await refusal(known)).toMatchObject({ code: 'USAGE', exit: 2 });
    expect(await refusal([...known, '--key', 'cert.pem'])).toMatchObject({ code: 'CERTIFICATE_FILE_INVALID', exit: 2 });
  });
});

describe('--platform', () => {
  it("takes the place of the manifest's, and may be given again", async () => {
    const EXPORT = await serve();
    const platforms = async (...more: string[]) => {
      const { bundle } = jsonResult(await office(...EXPORT, ...more, '--json'));
      return jsonResult(await office('inspect', String(bundle), '--json'))['platforms'];
    };
    expect(await platforms()).toEqual(['linux/amd64']);
    expect(await platforms('--platform', 'linux/arm64')).toEqual(['linux/arm64']);
    expect(await platforms('--platform', 'linux/arm64', '--platform', 'linux/amd64')).toEqual([
      'linux/arm64',
      'linux/amd64',
    ]);
    expect(await refusal([...EXPORT, '--platform', 'amd64'])).toMatchObject({ code: 'PLATFORM_INVALID', exit: 2 });
  });
});

describe('the keys of an export', () => {
  it('may be in a program: --signer-cmd', async () => {
    const EXPORT = await serve();
    const key = join(dir, 'token.pem');
    await rename(join(dir, 'office/keys/targets-1.pem'), key);
    expect(await refusal(EXPORT)).toMatchObject({
      code: 'KEY_MISSING',
      exit: 1,
      message: expect.stringContaining(join(dir, 'office/keys/targets-1.pem')),
    });
    const sign = signScript(key);
    await writeFile(join(dir, 'sign.sh'), sign);
    expect(await refusal([...EXPORT, '--signer-cmd', 'exit 4 #'])).toMatchObject({ code: 'SIGNER_FAILED', exit: 1 });
    expect((await office(...EXPORT, '--signer-cmd', `sh ${dir}/sign.sh`)).status).toBe(0);
  });

  it('in a program sign a request too, as the key whose public half is given', async () => {
    await serve();
    await office(
      'init',
      'two',
      '--product',
      'demo',
      '--no-passphrase',
      '--root-keys',
      'safe',
      '--threshold',
      'root=2/2',
    );
    await rename(join(dir, 'safe/root-2.pem'), join(dir, 'token.pem'));
    const opened = jsonResult(await office('keys', 'rotate', 'timestamp', '--workspace', 'two', '--json'));
    const { request, answers } = opened as { request: string; answers: string[] };
    const publicPEM = createPublicKey(await readFile(join(dir, 'token.pem'))).export({ type: 'spki', format: 'pem' });
    await writeFile(join(dir, 'public.pem'), publicPEM);
    await writeFile(join(dir, 'sign.sh'), signScript(join(dir, 'token.pem')));
    const sign = ['keys', 'sign', request, '--yes', '--signer-cmd', `sh ${dir}/sign.sh`];
    expect(await refusal(sign)).toMatchObject({ code: 'USAGE', exit: 2 });
    expect(await refusal(['keys', 'sign', request, '--yes'])).toMatchObject({ code: 'USAGE', exit: 2 });
    const signed = jsonResult(await office(...sign, '--public-key', 'public.pem', '--json')) as { answers: string[] };
    const done = await office('keys', 'assemble', request, ...answers, ...signed.answers, '--workspace', 'two');
    expect(done.stdout).toMatch(/^root 2 is published/);
  });
});

describe('two exports at once, as two processes', () => {
  it('of two manifests both succeed, under different numbers', async () => {
    const EXPORT = await serve({}, 'one');
    registry.add('demo/app', '2', buildImage({ layers: [generatedLayer('two')] }));
    const OTHER = await manifest('two', '2');
    const runs = [EXPORT, OTHER].map((argv) => startFerry([...argv, '--json'], { cwd: dir, env: env() }).ended);
    const results = (await Promise.all(runs)).map(jsonResult) as { event: string; sequence: number; bundle: string }[];
    expect(results.map(({ event }) => event)).toEqual(['result', 'result']);
    expect(results.map(({ sequence }) => sequence).toSorted()).toEqual([1, 2]);
    for (const { bundle } of results) expect((await office('verify', bundle, '--integrity-only')).status).toBe(0);
    expect((await readdir(join(dir, 'stick'))).filter((name) => name.endsWith('.tar'))).toHaveLength(2);
  });

  it('of one manifest: the second is status 6 and names the first', async () => {
    const EXPORT = await serve();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const asked = new Promise<void>((resolve) =>
      registry.rule({
        on: /manifests/,
        act: async ({ response }) => {
          resolve();
          await held;
          response.destroy();
        },
      }),
    );
    const first = startFerry(EXPORT, { cwd: dir, env: env() });
    await asked;
    const second = await startFerry([...EXPORT, '--json'], { cwd: dir, env: env() }).ended;
    expect(jsonResult(second)).toMatchObject({ event: 'error', code: 'LOCKED', exit: 6 });
    expect(String(jsonResult(second)['message'])).toMatch(new RegExp(`demo\\.yaml.*process ${first.pid}\\b`));
    release();
    expect((await first.ended).status).toBe(0);
  });
});
