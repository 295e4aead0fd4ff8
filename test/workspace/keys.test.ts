import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acceptChain, matchesFingerprint, pinRoot } from '../../src/trust/index.ts';
import {
  addKey,
  assembleRequest,
  createWorkspace,
  describeRequest,
  listKeys,
  openWorkspace,
  publish,
  revokeKey,
  rotateKey,
  signRequest,
} from '../../src/workspace/index.ts';
import { NOW, proposal } from '../support/proposals.ts';
import { newWorkspace, temporaryFolder } from '../support/workspaces.ts';

const workFactor = 10; // scrypt at its real strength takes a second a key
const says = (words: string) => async () => words;

describe('createWorkspace', () => {
  it('keeps unsealed keys to their owner', async () => {
    const { paths } = await newWorkspace();
    expect((await readdir(paths.keys)).toSorted()).toEqual([
      'root-1.pem',
      'snapshot-1.pem',
      'targets-1.pem',
      'timestamp-1.pem',
    ]);
    expect((await stat(join(paths.keys, 'root-1.pem'))).mode & 0o777).toBe(0o600);
  });

  it('names the file to carry and its fingerprint', async () => {
    const folder = await temporaryFolder();
    const created = await createWorkspace(join(folder, 'ws'), { product: 'demo', now: NOW });
    const root = await readFile(created.rootPath);
    expect(matchesFingerprint(root, created.fingerprint.words.join(' '))).toBe(true);
    expect(pinRoot(root, { confirmed: true }).confirmed).toBe(true);
  });

  it('leaves a folder with something in it alone', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'mine'), '');
    await expect(createWorkspace(folder, { product: 'demo', now: NOW })).rejects.toMatchObject({
      code: 'WORKSPACE_EXISTS',
    });
    expect(await readdir(folder)).toEqual(['mine']);
  });

  it('leaves nothing behind when it fails', async () => {
    const folder = await temporaryFolder();
    const passphrase = () => Promise.reject(new Error('no terminal'));
    await expect(createWorkspace(join(folder, 'ws'), { product: 'demo', now: NOW, passphrase })).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('root keys in a folder of their own', () => {
  it('are not left there when the workspace cannot be made', async () => {
    const folder = await temporaryFolder();
    const rootKeysDir = join(folder, 'safe');
    await mkdir(rootKeysDir);
    await writeFile(join(rootKeysDir, 'root-1.pem'), "another workspace's");
    // a link to nowhere: free to look at, and in the way of the rename
    await symlink(join(folder, 'gone'), join(folder, 'ws'));
    await expect(createWorkspace(join(folder, 'ws'), { product: 'demo', now: NOW, rootKeysDir })).rejects.toThrow();
    expect(await readdir(rootKeysDir)).toEqual(['root-1.pem']);
    expect((await readdir(folder)).toSorted()).toEqual(['safe', 'ws']);
  });

  it('are named, with where they were looked for, when too few are here', async () => {
    const rootKeysDir = join(await temporaryFolder(), 'safe');
    const workspace = await newWorkspace({ rootKeysDir, thresholds: { targets: { threshold: 2, holders: 2 } } });
    await rm(join(workspace.paths.keys, 'targets-2.pem'));
    await expect(publish(workspace, { release: proposal('a') })).rejects.toMatchObject({
      code: 'KEY_MISSING',
      message: `sign targets: expected 2 of the 2 keys that the root names, got 1: not here: ${workspace.paths.keys}/targets-2.pem`,
    });
  });
});

describe('sealed keys', () => {
  const sealed = { passphrase: says('correct horse'), workFactor };

  it('say which file a passphrase does not open: there may be two sticks', async () => {
    const rootKeysDir = await temporaryFolder();
    const workspace = await newWorkspace({ ...sealed, rootKeysDir });
    const foreign = await newWorkspace({ passphrase: says('battery staple'), workFactor });
    await cp(join(foreign.paths.keys, 'root-1.age'), join(rootKeysDir, 'root-1.age'));
    await expect(rotateKey(workspace, 'timestamp')).rejects.toMatchObject({
      code: 'WRONG_PASSPHRASE',
      message: `open key ${join(rootKeysDir, 'root-1.age')}: expected its passphrase, got another`,
    });
  });

  it('are not joined by new ones under another passphrase', async () => {
    const { dir, paths } = await newWorkspace(sealed);
    const before = [await readdir(paths.keys), await readFile(paths.ledger)];
    for (const role of ['root', 'timestamp'] as const) {
      const wrong = await openWorkspace(dir, { now: NOW, passphrase: says('battery staple'), workFactor });
      await expect(rotateKey(wrong, role)).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
    }
    expect([await readdir(paths.keys), await readFile(paths.ledger)]).toEqual(before);
  });

  it('sign for who knows the passphrase, which is asked for once', async () => {
    const { dir, paths } = await newWorkspace(sealed);
    expect((await readFile(join(paths.keys, 'targets-1.age'))).subarray(0, 21).toString()).toBe(
      'age-encryption.org/v1',
    );
    const asked: unknown[] = [];
    const passphrase = async (ask: unknown) => {
      asked.push(ask);
      return 'correct horse';
    };
    await publish(await openWorkspace(dir, { now: NOW, passphrase }), { release: proposal('a') });
    expect(asked).toHaveLength(1);
  });

  it('stay shut for others, and no number is lost', async () => {
    const { dir, paths } = await newWorkspace(sealed);
    const before = await readFile(paths.ledger);
    const wrong = await openWorkspace(dir, { now: NOW, passphrase: says('battery staple') });
    await expect(publish(wrong)).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
    await expect(publish(await openWorkspace(dir, { now: NOW }))).rejects.toMatchObject({ code: 'PASSPHRASE_NEEDED' });
    expect(await readFile(paths.ledger)).toEqual(before);
  });
});

describe('rotateKey', () => {
  it.each(['timestamp', 'targets', 'root'] as const)('replaces the key of %s, and a site follows', async (role) => {
    const workspace = await newWorkspace();
    const before = await publish(workspace, { release: proposal('a') });
    const change = await rotateKey(workspace, role);
    expect(change).toMatchObject({ status: 'published', version: 2 });
    const after = await publish(workspace);
    const site = pinRoot(before.chain.roots[0] as Uint8Array, { confirmed: true });
    const clocks = { systemTime: NOW, buildTime: new Date(0) };
    const first = acceptChain(site, before.chain, clocks);
    const second = acceptChain(first.next, after.chain, clocks);
    expect(second.effective).toMatchObject({ root: 2, timestamp: role === 'root' ? 1 : 2 });
    const { keys } = await listKeys(workspace);
    expect(keys.filter((key) => key.role === role).map(({ state }) => state)).toEqual(['active', 'retired']);
  });
});

describe('addKey and revokeKey', () => {
  it('refuse to leave fewer keys than must sign', async () => {
    const workspace = await newWorkspace();
    const { keys } = await listKeys(workspace);
    const keyID = keys.find(({ role }) => role === 'targets')?.keyID as string;
    await expect(revokeKey(workspace, keyID.slice(0, 8))).rejects.toMatchObject({ code: 'KEYS_TOO_FEW' });
    await expect(revokeKey(workspace, 'feedfeed')).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    await addKey(workspace, 'targets');
    expect(await revokeKey(workspace, keyID.slice(0, 8))).toMatchObject({ status: 'published', version: 3 });
    expect((await publish(workspace, { release: proposal('a') })).view.root.version).toBe(3);
  });

  it('make no key for a threshold that it would not reach', async () => {
    const workspace = await newWorkspace();
    const before = [await readdir(workspace.paths.keys), await readFile(workspace.paths.ledger)];
    await expect(addKey(workspace, 'targets', { threshold: 5 })).rejects.toMatchObject({ code: 'KEYS_TOO_FEW' });
    expect([await readdir(workspace.paths.keys), await readFile(workspace.paths.ledger)]).toEqual(before);
  });

  it('let two of a role sign together', async () => {
    const workspace = await newWorkspace();
    await addKey(workspace, 'targets', { threshold: 2 });
    const { chain } = await publish(workspace, { release: proposal('a') });
    expect(JSON.parse(Buffer.from(chain.targets).toString()).signatures).toHaveLength(2);
  });
});

describe('a signer command', () => {
  /** A token that openssl drives: its key never is in the workspace. */
  async function withToken(type: 'ed25519' | 'ec') {
    const workspace = await newWorkspace();
    const folder = await temporaryFolder();
    const pair =
      type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = (key: typeof pair.privateKey, kind: 'pkcs8' | 'spki') =>
      key.export({ type: kind, format: 'pem' } as never);
    await writeFile(join(folder, 'token.pem'), pem(pair.privateKey, 'pkcs8') as unknown as string);
    const openssl =
      type === 'ed25519'
        ? `openssl pkeyutl -sign -rawin -inkey ${folder}/token.pem -in ${folder}/in`
        : `openssl dgst -sha256 -sign ${folder}/token.pem ${folder}/in`;
    await writeFile(
      join(folder, 'sign.sh'),
      `cat > ${folder}/in; printf '%s' "$1" > ${folder}/argument
       keyid=$(printf '%s' "$1" | sed 's/.*"keyid":"\\([0-9a-f]*\\)".*/\\1/')
       printf '{"keyid":"%s","sig":"%s"}' "$keyid" "$(${openssl} | od -An -tx1 | tr -d ' \\n')"`,
    );
    const old = (await listKeys(workspace)).keys.find(({ role }) => role === 'targets')?.keyID as string;
    await addKey(workspace, 'targets', { publicPEM: pem(pair.publicKey as never, 'spki') as unknown as string });
    await revokeKey(workspace, old);
    const open = (signerCommand: string) =>
      openWorkspace(workspace.dir, { now: NOW, signerCommand, signerTimeoutMs: 500, env: process.env });
    return { folder, open, command: `sh ${folder}/sign.sh` };
  }

  it.each(['ed25519', 'ec'] as const)('signs with %s through openssl', async (type) => {
    const { folder, open, command } = await withToken(type);
    const { view } = await publish(await open(command), { release: proposal('a') });
    expect(view.entries).toHaveLength(1);
    const argument = JSON.parse(await readFile(join(folder, 'argument'), 'utf8'));
    expect(argument).toMatchObject({ protocol: 1, summary: expect.stringContaining('targets 1') });
  });

  it.each([
    ['refuses', 'exit 3 #', 'exit status 0, got 3'],
    ['says nothing', 'true', 'one JSON object'],
    ['does not end', 'sleep 30; true', 'no answer within 0.5 seconds'],
    ['never stops talking', 'yes; true', 'more than 65536 bytes'],
    ['is not there', '/nonexistent/prog', 'exit status 0, got 127'],
    [
      'signs something else',
      `printf '{"keyid":"%s","sig":"00"}' $(printf '%s' "$FERRY_SIGN_REQUEST" | sed 's/.*"keyid":"\\([0-9a-f]*\\)".*/\\1/') #`,
      'got another',
    ],
  ])('is not believed when it %s', async (_what, command, words) => {
    const { open } = await withToken('ed25519');
    await expect(publish(await open(command), { release: proposal('a') })).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
      message: expect.stringContaining(words),
    });
  });
});

describe('a signer command that holds one of the root keys', () => {
  /** `root-2.pem` is gone from the workspace and in a token, which refuses to sign for any other key. */
  async function withRootToken() {
    const workspace = await newWorkspace({ thresholds: { root: { threshold: 2, holders: 3 } } });
    const folder = await temporaryFolder();
    for (const name of ['root-2.pem', 'root-3.pem']) await rename(join(workspace.paths.keys, name), join(folder, name));
    const { keys } = await listKeys(workspace);
    const keyID = keys.find(({ file }) => file === 'root-2.pem')?.keyID ?? '';
    const sign = join(folder, 'sign.sh');
    await writeFile(
      sign,
      `cat > ${folder}/in; case "$1" in *${keyID}*) ;; *) exit 4 ;; esac
       printf '{"keyid":"${keyID}","sig":"%s"}' "$(openssl pkeyutl -sign -rawin -inkey ${folder}/root-2.pem -in ${folder}/in | od -An -tx1 | tr -d ' \\n')"`,
    );
    const publicPEM = createPublicKey(await readFile(join(folder, 'root-2.pem'))).export({
      type: 'spki',
      format: 'pem',
    });
    const token = { command: `sh ${sign}`, env: process.env, publicPEM: publicPEM.toString() };
    return { workspace, folder, token };
  }

  const open = (dir: string, signerCommand: string) =>
    openWorkspace(dir, { now: NOW, signerCommand, signerTimeoutMs: 5000, env: process.env });

  it('makes the next root together with the key that is here, though it refuses the third', async () => {
    const { workspace, token } = await withRootToken();
    const change = await rotateKey(await open(workspace.dir, token.command), 'timestamp');
    expect(change).toMatchObject({ status: 'published', version: 2 });
  });

  it('has failed when it signs for none of them, and no ceremony is opened', async () => {
    const { workspace } = await withRootToken();
    await expect(rotateKey(await open(workspace.dir, 'exit 4 #'), 'timestamp')).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
    });
    expect(await readdir(workspace.paths.requests).catch(() => [])).toEqual([]);
  });

  it('answers a request for the key whose public half is given', async () => {
    const { workspace, token } = await withRootToken();
    const change = await rotateKey(workspace, 'timestamp');
    if (change.status !== 'open') throw new Error('expected a request');
    const [answer = ''] = await signRequest(change.request, { token });
    const done = await assembleRequest(workspace, { request: change.request, answers: [...change.answers, answer] });
    expect(done).toMatchObject({ status: 'published', version: 2 });
  });
});

describe('the offline ceremony', () => {
  it('begins again after one that was given up, without its answers', async () => {
    const workspace = await newWorkspace({ thresholds: { root: { threshold: 2, holders: 2 } } });
    const away = await temporaryFolder();
    await rename(join(workspace.paths.keys, 'root-2.pem'), join(away, 'root-2.pem'));
    const first = await rotateKey(workspace, 'timestamp');
    if (first.status !== 'open') throw new Error('expected a request');
    const [old = ''] = await signRequest(first.request, { keys: away });
    await rm(first.request);
    const second = await rotateKey(workspace, 'snapshot');
    if (second.status !== 'open') throw new Error('expected a request');
    expect((await readdir(workspace.paths.requests)).includes(basename(old))).toBe(false);
    expect(second.words).toEqual((await describeRequest(second.request)).words);
    const answers = [...second.answers, ...(await signRequest(second.request, { keys: away }))];
    expect(await assembleRequest(workspace, { request: second.request, answers })).toMatchObject({ version: 2 });
  });

  /** Three holders, two of whom must sign; each takes a key away. */
  async function threeHolders() {
    const rootKeysDir = await temporaryFolder();
    const workspace = await newWorkspace({ rootKeysDir, thresholds: { root: { threshold: 2, holders: 3 } } });
    const homes = await Promise.all([1, 2, 3].map(temporaryFolder));
    for (const [at, home] of homes.entries()) {
      await rename(join(rootKeysDir, `root-${at + 1}.pem`), join(home, `root-${at + 1}.pem`));
    }
    return { workspace, rootKeysDir, homes: homes as [string, string, string] };
  }

  it('makes the next root out of two of three signatures', async () => {
    const { workspace, homes } = await threeHolders();
    const before = await publish(workspace, { release: proposal('a') });
    const change = await rotateKey(workspace, 'targets');
    if (change.status !== 'open') throw new Error('expected a request');
    expect((await describeRequest(change.request)).changes.join()).toContain('targets');
    await expect(rotateKey(workspace, 'snapshot')).rejects.toMatchObject({ code: 'CEREMONY_OPEN' });

    const first = await signRequest(change.request, { keys: homes[0] });
    await expect(assembleRequest(workspace, { request: change.request, answers: first })).rejects.toMatchObject({
      code: 'SIGNATURE_THRESHOLD',
    });
    const third = await signRequest(change.request, { keys: join(homes[2], 'root-3.pem') });
    const done = await assembleRequest(workspace, { request: change.request, answers: [...first, ...third] });
    expect(done).toMatchObject({ status: 'published', version: 2 });

    const after = await publish(workspace);
    const site = pinRoot(before.chain.roots[0] as Uint8Array, { confirmed: true });
    const accepted = acceptChain(site, after.chain, { systemTime: NOW, buildTime: new Date(0) });
    expect(accepted.effective).toMatchObject({ root: 2, targets: 2 });
  });

  it('refuses a key that the request does not ask for, and a request that is no longer the next', async () => {
    const { workspace, homes } = await threeHolders();
    const change = await rotateKey(workspace, 'targets');
    if (change.status !== 'open') throw new Error('expected a request');
    const stranger = await newWorkspace();
    await expect(signRequest(change.request, { keys: stranger.paths.keys })).rejects.toMatchObject({
      code: 'KEY_MISSING',
    });
    const answers = (await Promise.all(homes.map((keys) => signRequest(change.request, { keys })))).flat();
    const folder = await temporaryFolder();
    const [request, ...copies] = [change.request, ...answers].map((path) => join(folder, basename(path)));
    await cp(dirname(change.request), folder, { recursive: true });
    await assembleRequest(workspace, { request: change.request, answers });
    expect(await readdir(workspace.paths.requests)).toEqual([]);
    await expect(assembleRequest(workspace, { request: request as string, answers: copies })).rejects.toMatchObject({
      code: 'CEREMONY_STALE',
    });
  });

  it('needs none while all root keys are here', async () => {
    const workspace = await newWorkspace({ thresholds: { root: { threshold: 2, holders: 3 } } });
    expect(await rotateKey(workspace, 'root')).toMatchObject({ status: 'published' });
  });
});

describe('restore', () => {
  it('goes on far above all numbers, under the next root, and a site follows', async () => {
    const rootKeysDir = await temporaryFolder();
    const lost = await newWorkspace({ rootKeysDir, passphrase: says('p'), workFactor });
    const last = await publish(lost, { release: proposal('a') });
    const restored = await newWorkspace({
      rootKeysDir,
      passphrase: says('p'),
      workFactor,
      restore: { chain: last.chain, release: last.release?.bytes as Uint8Array },
    });
    const same = await publish(restored, { release: proposal('a') });
    expect(same.release).toMatchObject({ sequence: 1, bytes: Buffer.from(last.release?.bytes as Uint8Array) });
    expect(same.view).toMatchObject({ root: { version: 2 }, timestamp: { version: 1001 }, targets: { version: 1001 } });
    const next = await publish(restored, { release: proposal('b') });
    expect(next.release?.sequence).toBe(1001);

    const clocks = { systemTime: NOW, buildTime: new Date(0) };
    const site = acceptChain(pinRoot(last.chain.roots[0] as Uint8Array, { confirmed: true }), last.chain, clocks);
    expect(acceptChain(site.next, next.chain, clocks).effective).toMatchObject({ root: 2, timestamp: 1002 });
    expect(await rotateKey(restored, 'root')).toMatchObject({ status: 'published', version: 3 });
  });

  it('waits for the holders when the root keys are not here', async () => {
    const lost = await newWorkspace();
    const { chain } = await publish(lost, { release: proposal('a') });
    const folder = await temporaryFolder();
    const { workspace, rootChange } = await createWorkspace(join(folder, 'ws'), {
      product: 'demo',
      now: NOW,
      restore: { chain },
    });
    if (rootChange?.status !== 'open') throw new Error('expected a request');
    await expect(publish(workspace, { release: proposal('b') })).rejects.toMatchObject({ code: 'KEY_MISSING' });
    const answers = await signRequest(rootChange.request, { keys: lost.paths.keys });
    await assembleRequest(workspace, { request: rootChange.request, answers });
    expect((await publish(workspace, { release: proposal('b') })).release?.sequence).toBe(1001);
  });

  it('refuses a bundle of another product', async () => {
    const { chain } = await publish(await newWorkspace(), { release: proposal('a') });
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'ws'));
    await expect(
      createWorkspace(join(folder, 'ws'), { product: 'other', now: NOW, restore: { chain } }),
    ).rejects.toMatchObject({ code: 'WORKSPACE_INVALID' });
    expect(await readdir(join(folder, 'ws'))).toEqual([]);
  });
});
