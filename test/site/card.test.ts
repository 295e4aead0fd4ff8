/** The card of a site: what it says, that its office can check it, and that no secret is in it. FORMAT §4. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSiteCard } from '../../src/manifest/index.ts';
import { digestOf } from '../../src/oci/index.ts';
import { ensureSiteIdentity, makeSiteCard, type SiteCardOptions, type WholeIdentity } from '../../src/site/index.ts';
import { openState } from '../../src/state/index.ts';
import { openEnvelope } from '../../src/trust/index.ts';
import { leakIn } from '../support/secrets.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

let base: string;
let identity: WholeIdentity;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-card-'));
  identity = await ensureSiteIdentity(await openState(base), { name: 'plant 1', now: NOW });
});
afterEach(() => rm(base, { recursive: true, force: true }));

const engine = { name: 'docker', version: '20.10.24', store: 'classic', apiVersion: '1.41' } as const;
const digest = digestOf(Buffer.from('x'));
const held = { name: 'ghcr.io/atrium/server:1', imageID: digest, config: digest, diffIDs: [digest] };
const make = (options: Partial<SiteCardOptions> = {}): Buffer =>
  makeSiteCard({ identity, holds: [], now: NOW, ...options });
const full: Partial<SiteCardOptions> = {
  product: 'atrium',
  engine: { ...engine, platform: { os: 'linux', architecture: 'amd64' } },
  holds: [held],
  trust: { root: 1, catalogue: 12, sequence: 7 },
  license: { validUntil: new Date('2027-06-01T00:00:00Z') },
  certificate: { notAfter: new Date('2027-02-21T00:00:00Z'), names: ['atrium.plant.local'], spki: '7b'.repeat(32) },
  csr: 'MIIB',
};

describe('makeSiteCard', () => {
  it('says who the site is, what it runs and what it trusts, signed by its own key', () => {
    const { type, ...content } = openEnvelope(make(full), identity.key, 'site-card');
    expect(type).toBe('site-card');
    expect(content).toEqual({
      ...{ format: 1, minFerry: '0.1.0', site: identity.site, name: 'plant 1', product: 'atrium' },
      keys: { sign: identity.key.value, age: identity.age.recipient },
      ...{ platform: 'linux/amd64', engine, holds: [held] },
      trust: { root: 1, catalogue: 12, sequence: 7 },
      license: { validUntil: '2027-06-01T00:00:00.000Z' },
      certificate: { notAfter: '2027-02-21T00:00:00.000Z', names: ['atrium.plant.local'], spki: '7b'.repeat(32) },
      csr: 'MIIB',
      issued: '2026-11-23T12:00:00.000Z',
    });
    expect(parseSiteCard(content)).toEqual(content);
  });

  it('says nothing of an engine that was not asked, nor of what is not there', () => {
    const { type: _, ...content } = openEnvelope(make(), identity.key, 'site-card');
    expect(Object.keys(content).toSorted()).toEqual([
      ...['format', 'holds', 'issued', 'keys', 'minFerry', 'name', 'site'],
    ]);
    expect(parseSiteCard(content)).toEqual(content);
  });

  it('is the same bytes for the same facts', () => {
    expect(make(full)).toEqual(make(full));
  });

  it('holds no secret: of what lies in identity/ only the name and the public halves', async () => {
    const card = make(full).toString();
    expect(leakIn(card)).toBeUndefined();
    const names = await readdir(join(base, 'identity'));
    expect(names).toHaveLength(3);
    for (const name of names.filter((each) => each !== 'site.json')) {
      const lines = (await readFile(join(base, 'identity', name), 'utf8')).split('\n');
      const secret = lines.filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('-----'));
      expect(secret).toHaveLength(1);
      const [line = ''] = secret;
      for (const form of [line, line.toLowerCase(), Buffer.from(line, 'base64').toString('hex').slice(-64)])
        expect(card).not.toContain(form);
    }
  });
});

describe('docs/identity.md', () => {
  it('shows a card with the fields that cards have', async () => {
    const page = await readFile(new URL('../../docs/identity.md', import.meta.url), 'utf8');
    const shown = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '').signed;
    const made = JSON.parse(make(full).toString()).signed;
    const fields = (value: object) => Object.keys(value).toSorted();
    expect(fields(shown)).toEqual(fields(made));
    for (const name of ['keys', 'engine', 'trust', 'license', 'certificate'])
      expect(fields(shown[name])).toEqual(fields(made[name]));
    expect(fields(shown.holds[0])).toEqual(fields(made.holds[0]));
  });
});
