/** Signing by several holders who never meet: request, answers, file. */
import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../../src/content/index.ts';
import {
  acceptChain,
  assemble,
  fingerprint,
  makeRequest,
  pemSigner,
  readRequest,
  rootRoles,
  signRequest,
  tally,
  unsignedRoot,
  unsignedTargets,
} from '../../src/trust/index.ts';
import { keyIDOf } from '../../src/trust/key.ts';
import type { HeldKey } from '../support/publisher.ts';
import { createPublisher } from '../support/publisher.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const sizes = { root: { keys: 3, threshold: 2 }, targets: { keys: 3, threshold: 2 } };

/** A root rotation: one of three holders leaves, another comes, one key for timestamp is new. */
async function rootRequest() {
  const publisher = await createPublisher({ sizes });
  const [alice, bob, carol] = publisher.holders.root as [HeldKey, HeldKey, HeldKey];
  const dave = publisher.newKey();
  const { roles, version } = rootRoles(publisher.root);
  const root = { ...roles.root, keys: [alice.key, bob.key, dave.key] };
  const unsigned = unsignedRoot({
    version: version + 1,
    expires: new Date('2029-09-01T00:00:00Z'),
    roles: { ...roles, root },
  });
  const request = makeRequest({ unsigned, previous: publisher.root });
  const answer = (holder: HeldKey) => signRequest(request, pemSigner(holder.privatePEM));
  return { publisher, alice, bob, carol, dave, unsigned, request, answer };
}

describe('a request', () => {
  it('says what it is, what changes, and words to compare', async () => {
    const { request, unsigned, publisher, carol, dave } = await rootRequest();
    const read = readRequest(request);
    expect(read).toMatchObject({ role: 'root', version: 2, summary: 'root 2, valid until 2029-09-01T00:00:00Z' });
    expect(read.payload).toEqual(unsigned);
    expect(read.words).toEqual(fingerprint(unsigned).words);
    expect(read.rootWords).toEqual(fingerprint(publisher.root).words);
    expect(read.changes).toContain(`key ${dave.key.keyID} is added`);
    expect(read.changes).toContain(`key ${carol.key.keyID} is removed`);
    expect(read.changes).toContain('version: 1 becomes 2');
    expect(read.changes.join()).toMatch(/role root was 2 of 3 .* becomes 2 of 3 /);
    expect(read.changes.join()).not.toContain('role timestamp');
  });

  it('is refused when its words, summary or changes are not those of what is to be signed', async () => {
    const { request, alice } = await rootRequest();
    const honest = JSON.parse(request.toString());
    const lies = [
      { changes: honest.changes.slice(1) },
      { changes: [...honest.changes, 'nothing else'] },
      { summary: 'root 2, all is well' },
      { words: honest.rootWords },
      { signed: { ...honest.signed, expires: '2099-01-01T00:00:00Z' } },
      { previous: undefined },
      { note: 'please hurry' },
      { type: 'something' },
    ];
    for (const lie of lies) {
      const bytes = canonicalJSON(JSON.parse(JSON.stringify({ ...honest, ...lie })));
      await expect(signRequest(bytes, pemSigner(alice.privatePEM))).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    }
    await expect(signRequest(Buffer.from(request.toString('hex')), pemSigner(alice.privatePEM))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    expect(() => readRequest(canonicalJSON({ ...honest, format: 2 }))).toThrow(code('FORMAT_TOO_NEW'));
  });

  it('is refused for a number that is not the next', async () => {
    const { publisher } = await rootRequest();
    const { roles } = rootRoles(publisher.root);
    for (const version of [1, 3]) {
      const unsigned = unsignedRoot({ version, expires: new Date('2029-09-01T00:00:00Z'), roles });
      expect(() => makeRequest({ unsigned, previous: publisher.root })).toThrow(code('REQUEST_INVALID'));
    }
  });

  it('is refused when the root that it follows is not signed by its own holders', async () => {
    const { publisher } = await rootRequest();
    const { roles } = rootRoles(publisher.root);
    const unsigned = unsignedRoot({ version: 2, expires: new Date('2029-09-01T00:00:00Z'), roles });
    const { signed } = JSON.parse(publisher.root.toString());
    const previous = canonicalJSON({ signatures: [], signed });
    expect(() => makeRequest({ unsigned, previous })).toThrow(code('SIGNATURE_THRESHOLD'));
  });

  it('does not let a root be made whose thresholds nobody can meet', async () => {
    const { publisher } = await rootRequest();
    const { roles } = rootRoles(publisher.root);
    const snapshot = { ...roles.snapshot, threshold: 2 };
    expect(() => unsignedRoot({ version: 2, expires: publisher.now, roles: { ...roles, snapshot } })).toThrow(
      RangeError,
    );
  });
});

describe('signRequest', () => {
  it('refuses a key that was not asked', async () => {
    const { request, publisher } = await rootRequest();
    const [stranger] = publisher.holders.snapshot as [HeldKey];
    await expect(signRequest(request, pemSigner(stranger.privatePEM))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });
});

describe('assemble', () => {
  it('makes the root when enough old and enough new holders signed, and sites follow it', async () => {
    const { publisher, request, answer, alice, bob } = await rootRequest();
    const site = publisher.site();
    const root = assemble(request, [await answer(alice), await answer(bob)]);
    publisher.roots.push(root);
    await publisher.publish();
    const options = { systemTime: publisher.now, buildTime: publisher.now };
    expect(acceptChain(site, publisher.chain, options).effective.root).toBe(2);
  });

  it('says who signed and how many are missing, of the old holders and of the new', async () => {
    const { request, answer, alice, bob, carol, dave } = await rootRequest();
    const [one, two] = [await answer(alice), await answer(dave)];
    const [old, own] = tally(request, [one, two]);
    expect(old).toEqual({
      name: 'holders of root 1',
      threshold: 2,
      signed: [alice.key.keyID],
      open: expect.arrayContaining([bob.key.keyID, carol.key.keyID]),
      missing: 1,
    });
    expect(own).toMatchObject({
      name: 'holders of root 2',
      signed: expect.arrayContaining([alice.key.keyID, dave.key.keyID]),
      missing: 0,
    });
    expect(() => assemble(request, [one, two])).toThrow(code('SIGNATURE_THRESHOLD'));
    expect(() => assemble(request, [one, two])).toThrow(
      /holders of root 1: 1 of 2 signed \(.{16}\), 1 missing; holders of root 2: 2 of 2 signed/,
    );
    expect(() => assemble(request, [one, one])).toThrow(code('SIGNATURE_THRESHOLD'));
    expect(assemble(request, [one, two, await answer(carol)]).length).toBeGreaterThan(0);
  });

  it('refuses answers to another request, and signatures that are not right', async () => {
    const { request, answer, alice, bob } = await rootRequest();
    const other = await rootRequest();
    const stray = await other.answer(other.alice);
    expect(() => assemble(request, [stray])).toThrow(code('REQUEST_INVALID'));
    const wrong = { ...JSON.parse((await answer(alice)).toString()), keyid: bob.key.keyID };
    expect(() => assemble(request, [canonicalJSON(wrong)])).toThrow(code('REQUEST_INVALID'));
    expect(() => assemble(request, [request])).toThrow(code('REQUEST_INVALID'));
  });

  it('counts a key that is listed under two IDs once', async () => {
    const publisher = await createPublisher();
    const [held] = publisher.holders.root as [HeldKey];
    const { signed } = JSON.parse(publisher.root.toString());
    const twin = { ...signed.keys[held.key.keyID], note: 'a backup' };
    const keyID = keyIDOf(twin);
    signed.keys[keyID] = twin;
    signed.roles.root = { keyids: [held.key.keyID, keyID], threshold: 2 };
    const request = makeRequest({ unsigned: canonicalJSON(signed) });
    const signer = pemSigner(held.privatePEM);
    const answers = [signer, { ...signer, key: { ...signer.key, keyID } }].map((each) => signRequest(request, each));
    expect(tally(request, await Promise.all(answers))).toMatchObject([{ threshold: 2, missing: 1 }]);
  });

  it('makes the first root from its own holders', async () => {
    const publisher = await createPublisher({ sizes });
    const { roles } = rootRoles(publisher.root);
    const unsigned = unsignedRoot({ version: 1, expires: new Date('2029-06-05T00:00:00Z'), roles });
    const request = makeRequest({ unsigned });
    const answers = await Promise.all(publisher.signers('root').map((signer) => signRequest(request, signer)));
    expect(tally(request, answers)).toHaveLength(1);
    expect(assemble(request, answers)).toEqual(publisher.root);
  });

  it('makes targets that need two holders, as their root names them', async () => {
    const publisher = await createPublisher({ sizes });
    const made = await publisher.release('1.0.0');
    const previous = publisher.chain.targets;
    const expires = new Date('2027-01-01T00:00:00Z');
    const unsigned = unsignedTargets({ version: 3, expires, entries: [] });
    expect(() => makeRequest({ unsigned, previous })).toThrow(code('REQUEST_INVALID'));
    const request = makeRequest({ unsigned, previous, root: publisher.root });
    expect(readRequest(request).changes).toContain(`target ${made.entry.path} is removed`);
    const [one, two] = await Promise.all(publisher.signers('targets').map((signer) => signRequest(request, signer)));
    expect(() => assemble(request, [one as Buffer])).toThrow(/holders of targets: 1 of 2 signed/);
    expect(assemble(request, [one as Buffer, two as Buffer]).length).toBeGreaterThan(0);
  });

  it('warns where the file before is not signed by the keys in force', async () => {
    const publisher = await createPublisher({ sizes });
    const previous = publisher.chain.targets;
    await publisher.rotate(['targets']);
    const unsigned = unsignedTargets({ version: 3, expires: new Date('2027-01-01T00:00:00Z'), entries: [] });
    const { changes } = readRequest(makeRequest({ unsigned, previous, root: publisher.root }));
    expect(changes[0]).toContain('not signed by the keys in force');
  });
});
