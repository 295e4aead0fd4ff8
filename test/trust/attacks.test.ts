/** Each attack that TUF names (§1.5.2), and each of FORMAT §2, tried on a site that trusts an honest publisher. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../../src/content/index.ts';
import type { Chain, SiteTrust } from '../../src/trust/index.ts';
import {
  acceptChain,
  acceptRelease,
  MAX_TIMESTAMP_BYTES,
  raiseReleaseFloor,
  TrustError,
} from '../../src/trust/index.ts';
import { keyIDOf } from '../../src/trust/key.ts';
import type { Publisher } from '../support/publisher.ts';
import { createPublisher } from '../support/publisher.ts';

const BUILD = new Date('2026-01-01T00:00:00Z');
const at = (publisher: Publisher) => ({ systemTime: publisher.now, buildTime: BUILD });

/** What the site believes after it took a chain in. */
function learn(site: SiteTrust, publisher: Publisher, chain: Chain = publisher.chain): SiteTrust {
  return acceptChain(site, chain, at(publisher)).next;
}

function refusal(judge: () => unknown): TrustError {
  try {
    judge();
  } catch (error) {
    if (error instanceof TrustError) return error;
    throw error;
  }
  throw new Error('expected a refusal, got none');
}

/** The chain under a timestamp that lists its snapshot with this number. */
async function listing(publisher: Publisher, chain: Chain, version: number): Promise<Chain> {
  const { signed } = JSON.parse(Buffer.from(chain.timestamp).toString());
  const hashes = { sha256: createHash('sha256').update(chain.snapshot).digest('hex') };
  const meta = { 'snapshot.json': { version, length: chain.snapshot.length, hashes } };
  return { ...chain, timestamp: await publisher.sign('timestamp', { ...signed, meta }) };
}

describe('arbitrary software', () => {
  it('refuses a whole chain of another publisher', async () => {
    const [ours, theirs] = [await createPublisher(), await createPublisher()];
    const error = refusal(() => acceptChain(ours.site(), theirs.chain, at(ours)));
    expect(error.code).toBe('ROOT_MISMATCH');
  });

  it('refuses a catalogue of other keys under our roots', async () => {
    const [ours, theirs] = [await createPublisher(), await createPublisher()];
    const chain = { ...theirs.chain, roots: ours.chain.roots };
    expect(refusal(() => acceptChain(ours.site(), chain, at(ours))).code).toBe('SIGNATURE_THRESHOLD');
  });

  it('refuses targets of other keys, listed by a stolen catalogue key', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    ours.holders.targets = [ours.newKey()];
    await ours.release('6.6.6');
    expect(refusal(() => acceptChain(site, ours.chain, at(ours))).code).toBe('SIGNATURE_THRESHOLD');
  });

  it('refuses a next root that the pinned holders did not sign', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    ours.holders.root = [ours.newKey()];
    await ours.newRoot();
    expect(refusal(() => acceptChain(site, ours.chain, at(ours))).code).toBe('SIGNATURE_THRESHOLD');
  });

  it('refuses a next root that its own holders did not sign', async () => {
    const ours = await createPublisher();
    const former = ours.signers('root');
    ours.holders.root = [ours.newKey()];
    await ours.newRoot({ signers: former });
    const site = (await createPublisher()).site();
    expect(refusal(() => acceptChain(site, ours.chain, at(ours))).code).toBe('SIGNATURE_THRESHOLD');
  });

  it('refuses a release.json that no catalogue lists', async () => {
    const ours = await createPublisher();
    await ours.release('1.0.0');
    const accepted = acceptChain(ours.site(), ours.chain, at(ours));
    const forged = canonicalJSON({ format: 1, product: 'atrium', release: '1.0.0', sequence: 1 });
    const error = refusal(() => acceptRelease(accepted, forged));
    expect(error).toMatchObject({ code: 'RELEASE_NOT_LISTED', facts: { revoked: false } });
  });

  it('judges an unauthenticated old chain by the stored catalogue alone', async () => {
    const [ours, theirs] = [await createPublisher(), await createPublisher()];
    await ours.rotate(['timestamp']);
    const site = learn(ours.site(), ours);
    const evil = await theirs.release('6.6.6');
    // the site knows root 2, this chain ends at a root 1 that nobody here can judge
    const accepted = acceptChain(site, theirs.chain, at(ours));
    expect(accepted.source).toBe('stored');
    expect(refusal(() => acceptRelease(accepted, evil.bytes)).code).toBe('RELEASE_NOT_LISTED');
    expect(accepted.next).toEqual(site);
  });
});

describe('rollback', () => {
  it.each([['snapshot'], ['targets']] as const)('refuses a lower %s version under a newer timestamp', async (role) => {
    const ours = await createPublisher();
    await ours.publish();
    const site = learn(ours.site(), ours);
    await ours.publish({ version: { [role]: 1 } });
    expect(refusal(() => acceptChain(site, ours.chain, at(ours)))).toMatchObject({ code: 'ROLLBACK', facts: { role } });
  });

  it('keeps the newer catalogue, and with it a revocation, when an old stick comes', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    const bad = await ours.release('1.0.0');
    const old = ours.chain;
    await ours.revoke(bad);
    const accepted = acceptChain(learn(site, ours), old, at(ours));
    expect(accepted.source).toBe('stored');
    expect(refusal(() => acceptRelease(accepted, bad.bytes)).code).toBe('RELEASE_NOT_LISTED');
  });

  it('refuses an older catalogue where the newer one can no longer be used', async () => {
    const ours = await createPublisher();
    await ours.publish();
    await ours.publish();
    const site = learn(ours.site(), ours);
    const stick = ours.chain;
    Object.assign(ours.versions, { timestamp: 0, snapshot: 0, targets: 0 });
    await ours.rotate(['targets']); // catalogue 1 again, signed by keys that count
    const error = refusal(() => acceptChain(site, ours.chain, at(ours)));
    expect(error.code).toBe('ROLLBACK');
    // the root is known now, and nothing that the site has is signed by those whom it names
    expect(refusal(() => acceptChain(error.next, stick, at(ours))).code).toBe('SIGNATURE_THRESHOLD');
  });

  it('refuses roots out of order', async () => {
    const ours = await createPublisher();
    await ours.rotate(['root']);
    await ours.rotate(['root']);
    const [one, two, three] = ours.chain.roots as [Buffer, Buffer, Buffer];
    for (const roots of [[one, three], [one, two, two], [two, three], [one, three, two], []]) {
      expect(() => acceptChain(ours.site(), { ...ours.chain, roots }, at(ours))).toThrow(TrustError);
    }
  });
});

describe('downgrade', () => {
  it('refuses a listed release below the release floor, unless it is allowed', async () => {
    const ours = await createPublisher();
    const [one, two] = [await ours.release('1.0.0'), await ours.release('2.0.0')];
    const site = raiseReleaseFloor(learn(ours.site(), ours), two.sequence);
    const accepted = acceptChain(site, ours.chain, at(ours));
    expect(refusal(() => acceptRelease(accepted, one.bytes))).toMatchObject({ code: 'DOWNGRADE', facts: { floor: 2 } });
    expect(acceptRelease(accepted, one.bytes, { allowDowngrade: true }).isDowngrade).toBe(true);
    expect(acceptRelease(accepted, two.bytes).isDowngrade).toBe(false);
  });
});

describe('freeze', () => {
  it.each([['timestamp'], ['snapshot'], ['targets']] as const)(
    'refuses a catalogue whose %s has ended',
    async (role) => {
      const ours = await createPublisher();
      const ended = new Date('2026-06-02T00:00:00Z');
      await ours.publish({ expires: { [role]: ended } });
      const options = { systemTime: ended, buildTime: BUILD };
      const error = refusal(() => acceptChain(ours.site(), ours.chain, options));
      expect(error).toMatchObject({ code: 'EXPIRED', facts: { role, expires: '2026-06-02T00:00:00Z' } });
      const before = { systemTime: new Date(ended.getTime() - 1000), buildTime: BUILD };
      expect(acceptChain(ours.site(), ours.chain, before).effective.expires).toEqual(ended);
    },
  );

  it('refuses a root in force that has ended, and not one in between', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    await ours.newRoot({ expires: new Date('2020-01-01T00:00:00Z') });
    const frozen = { ...ours.chain };
    await ours.newRoot();
    await ours.publish();
    expect(refusal(() => acceptChain(site, frozen, at(ours)))).toMatchObject({
      code: 'EXPIRED',
      facts: { role: 'root' },
    });
    expect(acceptChain(site, ours.chain, at(ours)).effective.root).toBe(3);
  });

  it('names both dates and remembers the catalogue that had ended', async () => {
    const ours = await createPublisher();
    const systemTime = new Date('2030-01-01T00:00:00Z');
    const error = refusal(() => acceptChain(ours.site(), ours.chain, { systemTime, buildTime: BUILD }));
    expect(error.message).toContain('2027-07-06T00:00:00Z');
    expect(error.message).toContain('2030-01-01T00:00:00Z');
    expect(error.next?.chain?.timestamp).toEqual(ours.chain.timestamp);
  });

  it('is lifted by a newer catalogue, also for a stick that is older', async () => {
    const ours = await createPublisher();
    const made = await ours.release('1.0.0');
    const [old, site] = [ours.chain, ours.site()];
    ours.now = new Date('2028-01-01T00:00:00Z');
    expect(refusal(() => acceptChain(site, old, at(ours))).code).toBe('EXPIRED');
    await ours.publish();
    const renewed = learn(site, ours);
    expect(acceptRelease(acceptChain(renewed, old, at(ours)), made.bytes).release).toBe('1.0.0');
  });
});

describe('fast-forward', () => {
  it('is undone by new timestamp and snapshot keys: floors and clock begin again', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    const [chain, versions] = [ours.chain, { ...ours.versions }];
    // a thief with the catalogue keys drives all numbers and the time up
    const stolen = { timestamp: 2_000_000_000, snapshot: 2_000_000_000, targets: 2_000_000_000 };
    const far = new Date('2050-01-01T00:00:00Z');
    await ours.publish({ version: stolen, issued: new Date('2026-12-01T00:00:00Z'), expires: { timestamp: far } });
    const harmed = learn(site, ours);
    expect(harmed.clock).toBe('2026-12-01T00:00:00Z');
    Object.assign(ours.versions, versions);
    expect(acceptChain(harmed, chain, at(ours)).source).toBe('stored');
    await ours.rotate(['timestamp', 'snapshot']);
    const accepted = acceptChain(harmed, ours.chain, at(ours));
    expect(accepted.effective.timestamp).toBe(2);
    expect(accepted.next.clock).toBe('2026-06-01T00:00:00Z');
  });

  it.each([['timestamp'], ['snapshot']] as const)('is undone by a new %s key alone', async (role) => {
    const ours = await createPublisher();
    const site = ours.site();
    await ours.publish({ version: { timestamp: 900, snapshot: 900, targets: 900 } });
    const harmed = learn(site, ours);
    Object.assign(ours.versions, { timestamp: 1, snapshot: 1, targets: 1 });
    await ours.rotate([role]);
    expect(acceptChain(harmed, ours.chain, at(ours)).effective.timestamp).toBe(2);
  });

  it('does not forget floors because a key was added', async () => {
    const ours = await createPublisher();
    await ours.publish();
    await ours.publish();
    const site = learn(ours.site(), ours);
    ours.holders.timestamp.push(ours.newKey());
    await ours.newRoot();
    ours.versions.timestamp = 0;
    await ours.publish(); // timestamp 1, as an old stick with the new root would show
    expect(refusal(() => acceptChain(site, ours.chain, at(ours))).code).toBe('ROLLBACK');
  });

  it('is undone for a site that missed the root in between', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    await ours.publish({ version: { timestamp: 900, snapshot: 900, targets: 900 } });
    const harmed = learn(site, ours);
    Object.assign(ours.versions, { timestamp: 1, snapshot: 1, targets: 1 });
    await ours.rotate(['timestamp', 'snapshot']);
    await ours.rotate(['targets']);
    expect(acceptChain(harmed, ours.chain, at(ours)).effective.root).toBe(3);
  });
});

describe('mix-and-match', () => {
  it.each([['timestamp'], ['snapshot'], ['targets']] as const)(
    'refuses a chain with the %s of another day',
    async (role) => {
      const ours = await createPublisher();
      const old = ours.chain;
      await ours.release('1.0.0');
      const mixed = { ...ours.chain, [role]: old[role] };
      expect(refusal(() => acceptChain(ours.site(), mixed, at(ours))).code).toBe('MIX_AND_MATCH');
    },
  );

  it('refuses a snapshot that numbers its targets wrongly', async () => {
    const ours = await createPublisher();
    const signed = JSON.parse(Buffer.from(ours.chain.snapshot).toString()).signed;
    signed.meta['targets.json'].version = 7;
    const snapshot = await ours.sign('snapshot', signed);
    const chain = await listing(ours, { ...ours.chain, snapshot }, 1);
    expect(refusal(() => acceptChain(ours.site(), chain, at(ours))).code).toBe('MIX_AND_MATCH');
  });

  it('refuses a timestamp that numbers its snapshot wrongly', async () => {
    const ours = await createPublisher();
    const chain = await listing(ours, ours.chain, 7);
    expect(refusal(() => acceptChain(ours.site(), chain, at(ours))).code).toBe('MIX_AND_MATCH');
  });

  it('refuses another snapshot of the number that is listed', async () => {
    const ours = await createPublisher();
    const signed = JSON.parse(Buffer.from(ours.chain.snapshot).toString()).signed;
    const snapshot = await ours.sign('snapshot', { ...signed, note: 'another' });
    const chain = { ...ours.chain, snapshot };
    expect(refusal(() => acceptChain(ours.site(), chain, at(ours))).code).toBe('MIX_AND_MATCH');
  });

  it('takes the whole chain under the newer timestamp, never the better parts of both', async () => {
    const ours = await createPublisher();
    await ours.release('1.0.0');
    const old = ours.chain;
    const site = learn(ours.site(), ours);
    await ours.release('2.0.0');
    const newer = learn(site, ours);
    const { timestamp, snapshot, targets } = ours.chain;
    expect(newer.chain).toEqual({ timestamp, snapshot, targets });
    expect(acceptChain(newer, old, at(ours)).next.chain).toEqual(newer.chain);
    expect(acceptChain(newer, ours.chain, at(ours))).toMatchObject({ source: 'stored', next: newer, warnings: [] });
  });
});

describe('equivocation', () => {
  it('refuses two timestamps with one number', async () => {
    const ours = await createPublisher();
    const site = learn(ours.site(), ours);
    await ours.publish({ version: { timestamp: 1 } });
    const error = refusal(() => acceptChain(site, ours.chain, at(ours)));
    expect(error).toMatchObject({ code: 'EQUIVOCATION', facts: { role: 'timestamp', version: 1 } });
  });

  it.each([['snapshot'], ['targets']] as const)(
    'refuses two %s files with one number, whichever comes first',
    async (role) => {
      const ours = await createPublisher();
      const first = ours.chain;
      const fresh = ours.site();
      ours.now = new Date('2026-06-05T00:00:00Z');
      await ours.publish({ version: { [role]: 1 } });
      expect(refusal(() => acceptChain(learn(fresh, ours, first), ours.chain, at(ours))).code).toBe('EQUIVOCATION');
      expect(refusal(() => acceptChain(learn(fresh, ours), first, at(ours))).code).toBe('EQUIVOCATION');
    },
  );

  it('refuses another root with the number of the pinned one, signed by the same holders', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    ours.roots.pop();
    ours.now = new Date('2026-07-01T00:00:00Z');
    await ours.newRoot();
    await ours.publish();
    expect(refusal(() => acceptChain(site, ours.chain, at(ours)))).toMatchObject({
      code: 'EQUIVOCATION',
      facts: { role: 'root' },
    });
  });
});

describe('endless data', () => {
  it('refuses metadata above its bound before it is parsed', async () => {
    const ours = await createPublisher();
    const timestamp = Buffer.alloc(MAX_TIMESTAMP_BYTES + 1, ' ');
    const chain = { ...ours.chain, timestamp };
    expect(refusal(() => acceptChain(ours.site(), chain, at(ours))).code).toBe('METADATA_TOO_LARGE');
  });

  it('refuses more bytes than the role above lists', async () => {
    const ours = await createPublisher();
    const targets = Buffer.concat([ours.chain.targets, Buffer.from(' ')]);
    const chain = { ...ours.chain, targets };
    expect(refusal(() => acceptChain(ours.site(), chain, at(ours))).code).toBe('MIX_AND_MATCH');
  });

  it('refuses more roots than anybody ever makes', async () => {
    const ours = await createPublisher();
    const roots = Array.from({ length: 1025 }, () => ours.root);
    expect(refusal(() => acceptChain(ours.site(), { ...ours.chain, roots }, at(ours))).code).toBe('METADATA_INVALID');
  });

  it('refuses JSON that is nested without end', async () => {
    const ours = await createPublisher();
    const deep = Buffer.from(`{"signatures":[],"signed":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
    const chain = { ...ours.chain, roots: [deep] };
    expect(refusal(() => acceptChain(ours.site(), chain, at(ours))).code).toBe('METADATA_INVALID');
  });
});

describe('one key under two IDs', () => {
  it('counts it once', async () => {
    const ours = await createPublisher({ sizes: { timestamp: { keys: 2, threshold: 2 } } });
    const [held] = ours.holders.timestamp as [Publisher['holders']['timestamp'][number]];
    const signed = JSON.parse(ours.root.toString()).signed;
    // the same key a second time, with a field more, so that its keyID recomputes and differs
    const twin = { ...signed.keys[held.key.keyID], note: 'a backup' };
    const twinID = keyIDOf(twin);
    signed.keys[twinID] = twin;
    signed.roles.timestamp.keyids = [held.key.keyID, twinID];
    const root = await ours.sign('root', signed);
    ours.roots.splice(0, 1, root);
    ours.holders.timestamp = [held];
    await ours.publish();
    const envelope = JSON.parse(ours.chain.timestamp.toString());
    envelope.signatures.push({ keyid: twinID, sig: envelope.signatures[0].sig });
    const chain = { ...ours.chain, timestamp: canonicalJSON(envelope) };
    expect(refusal(() => acceptChain(ours.site(), chain, at(ours)))).toMatchObject({
      code: 'SIGNATURE_THRESHOLD',
      facts: { role: 'timestamp', threshold: 2, signers: [held.key.keyID] },
    });
  });

  it('does not count a keyID that another key was given', async () => {
    const ours = await createPublisher();
    const signed = JSON.parse(ours.root.toString()).signed;
    const { keyID } = ours.holders.timestamp[0]?.key ?? { keyID: '' };
    const thief = ours.newKey();
    signed.keys[keyID].keyval.public = thief.key.value;
    ours.roots.splice(0, 1, await ours.sign('root', signed));
    const site = ours.site();
    const forged = { ...ours.chain };
    expect(refusal(() => acceptChain(site, forged, at(ours))).code).toBe('SIGNATURE_THRESHOLD');
  });
});

describe('threshold not met', () => {
  const sizes = { root: { keys: 3, threshold: 2 }, targets: { keys: 3, threshold: 2 } };

  it('takes two of three, refuses one of three', async () => {
    const ours = await createPublisher({ sizes });
    const [one, two] = ours.holders.targets;
    ours.holders.targets = [one, two] as typeof ours.holders.targets;
    await ours.publish();
    expect(acceptChain(ours.site(), ours.chain, at(ours)).effective.targets).toBe(2);
    ours.holders.targets = [one] as typeof ours.holders.targets;
    await ours.publish();
    expect(refusal(() => acceptChain(ours.site(), ours.chain, at(ours)))).toMatchObject({
      code: 'SIGNATURE_THRESHOLD',
      facts: { role: 'targets', threshold: 2 },
    });
  });

  it('refuses a root that enough new holders signed and too few old ones', async () => {
    const ours = await createPublisher({ sizes });
    const site = ours.site();
    const former = ours.signers('root');
    ours.holders.root = [ours.newKey(), ours.newKey(), ours.newKey()];
    await ours.newRoot({ signers: [...former.slice(0, 1), ...ours.signers('root')] });
    await ours.publish();
    expect(refusal(() => acceptChain(site, ours.chain, at(ours))).code).toBe('SIGNATURE_THRESHOLD');
  });
});

describe('wrong product', () => {
  it('refuses the catalogue and the release of another product', async () => {
    const ours = await createPublisher({ product: 'belfry' });
    const made = await ours.release('1.0.0');
    const options = { ...at(ours), product: 'atrium' };
    const error = refusal(() => acceptChain(ours.site(), ours.chain, options));
    expect(error).toMatchObject({ code: 'WRONG_PRODUCT', facts: { expected: 'atrium', got: 'belfry' } });
    const accepted = acceptChain(ours.site(), ours.chain, at(ours));
    expect(refusal(() => acceptRelease(accepted, made.bytes, { product: 'atrium' })).code).toBe('WRONG_PRODUCT');
    expect(acceptRelease(accepted, made.bytes, { product: 'belfry' }).product).toBe('belfry');
  });
});

describe('revoked release', () => {
  it('says that the bundle lists what the site knows to be revoked', async () => {
    const ours = await createPublisher();
    const bad = await ours.release('1.0.0');
    const [old, fresh] = [ours.chain, ours.site()];
    await ours.release('1.0.1');
    await ours.revoke(bad);
    const error = refusal(() => acceptRelease(acceptChain(learn(fresh, ours), old, at(ours)), bad.bytes));
    expect(error).toMatchObject({ code: 'RELEASE_NOT_LISTED', facts: { revoked: true, path: '1.0.0/1/release.json' } });
  });
});

describe('key rotated while a stick was under way', () => {
  it('installs from the old stick what the new catalogue lists', async () => {
    const ours = await createPublisher();
    const [good, bad] = [await ours.release('1.0.0'), await ours.release('1.1.0')];
    const stick = ours.chain;
    const fresh = ours.site();
    await ours.rotate(['timestamp', 'snapshot', 'targets']);
    await ours.revoke(bad);
    const site = learn(fresh, ours);
    const accepted = acceptChain(site, stick, at(ours));
    expect(accepted.source).toBe('stored');
    expect(accepted.warnings.join()).toContain('keys that root 2 has replaced');
    expect(acceptRelease(accepted, good.bytes).release).toBe('1.0.0');
    expect(refusal(() => acceptRelease(accepted, bad.bytes)).code).toBe('RELEASE_NOT_LISTED');
    expect(accepted.next).toEqual(site);
  });

  it('refuses the old stick where the new root is all that the site has', async () => {
    const ours = await createPublisher();
    await ours.release('1.0.0');
    const stick = ours.chain;
    await ours.rotate(['timestamp', 'snapshot']);
    expect(refusal(() => acceptChain(ours.site(), stick, at(ours))).code).toBe('SIGNATURE_THRESHOLD');
  });
});

describe('three roots missed', () => {
  it('walks over all of them', async () => {
    const ours = await createPublisher({ sizes: { root: { keys: 3, threshold: 2 } } });
    const site = learn(ours.site(), ours);
    for (let rotation = 0; rotation < 3; rotation += 1) await ours.rotate(['root', 'targets']);
    const made = await ours.release('2.0.0');
    const accepted = acceptChain(site, ours.chain, at(ours));
    expect(accepted.effective.root).toBe(4);
    expect(accepted.next.root).toEqual(ours.root);
    expect(acceptRelease(accepted, made.bytes).sequence).toBe(1);
  });

  it('refuses the walk when a step is missing', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    for (let rotation = 0; rotation < 3; rotation += 1) await ours.rotate(['root']);
    const roots = ours.chain.roots.toSpliced(2, 1);
    expect(() => acceptChain(site, { ...ours.chain, roots }, at(ours))).toThrow(TrustError);
  });

  it('keeps the newer root although the catalogue under it is refused', async () => {
    const ours = await createPublisher();
    const site = ours.site();
    await ours.rotate(['root']);
    const systemTime = new Date('2028-01-01T00:00:00Z');
    const error = refusal(() => acceptChain(site, ours.chain, { systemTime, buildTime: BUILD }));
    expect(error.code).toBe('EXPIRED');
    expect(error.next?.root).toEqual(ours.root);
  });
});

describe('clock at 1970 and 2035 and back', () => {
  const time = (year: number) => new Date(`${year}-01-01T00:00:00Z`);

  it('at 1970 judges by the build and by the highest time that was proven', async () => {
    const ours = await createPublisher();
    const accepted = acceptChain(ours.site(), ours.chain, { systemTime: time(1970), buildTime: BUILD });
    expect(accepted.clock).toEqual(ours.now);
    expect(accepted.warnings.join()).toContain('1970-01-01T00:00:00Z');
    const old = ours.chain;
    ours.now = time(2028);
    await ours.publish();
    const site = learn(accepted.next, ours);
    const later = acceptChain(site, old, { systemTime: time(1970), buildTime: BUILD });
    expect(later.clock).toEqual(time(2028));
    expect(refusal(() => acceptChain(ours.site(), old, { systemTime: time(1970), buildTime: time(2028) })).code).toBe(
      'EXPIRED',
    );
  });

  it('at 2035 refuses, and back in its year goes on as before', async () => {
    const ours = await createPublisher();
    const site = learn(ours.site(), ours);
    const error = refusal(() => acceptChain(site, ours.chain, { systemTime: time(2035), buildTime: BUILD }));
    expect(error).toMatchObject({ code: 'EXPIRED', facts: { clock: '2035-01-01T00:00:00Z' } });
    expect(error.next?.clock).toBe('2026-06-01T00:00:00Z'); // the system's word is never remembered
    expect(acceptChain(error.next, ours.chain, at(ours)).clock).toEqual(ours.now);
  });
});
