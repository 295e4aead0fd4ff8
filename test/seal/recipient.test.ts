/** Sealing for one site: what the office seals the site opens and `age` does too, and the other way round. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Encrypter, generateHybridIdentity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgeIdentity } from '../../src/seal/index.ts';
import {
  generateIdentity,
  isRecipient,
  openSealed,
  recipientOf,
  SealError,
  sealFor,
  sealWithPassphrase,
} from '../../src/seal/index.ts';

const licence = Buffer.from('{"licence":"atrium","site":"4f2a91c07b3e55d1"}\n');

let folder: string;
let site: AgeIdentity;
let other: AgeIdentity;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-seal-'));
  [site, other] = [await generateIdentity(), await generateIdentity()];
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, bytes: Uint8Array | string): Promise<string> => {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
};

describe('generateIdentity', () => {
  it('makes another one each time, in the form that age-keygen has', async () => {
    expect(site.identity).toMatch(/^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/);
    expect(site.recipient).toMatch(/^age1[02-9ac-hj-np-z]{58}$/);
    expect(other.identity).not.toBe(site.identity);
  });

  it('is what age-keygen gives the same public half', async () => {
    const path = await file('key.txt', `${site.identity}\n`);
    expect(execFileSync('age-keygen', ['-y', path], { encoding: 'utf8' }).trim()).toBe(site.recipient);
    expect(await recipientOf(site.identity)).toBe(site.recipient);
  });
});

describe('recipientOf', () => {
  it('reads an identity of age-keygen', async () => {
    const made = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const [identity = ''] = /AGE-SECRET-KEY-1\S+/.exec(made) ?? [];
    expect(await recipientOf(identity)).toBe(/public key: (\S+)/.exec(made)?.[1]);
  });

  it('refuses what is none, and quotes nothing of it', async () => {
    const hybrid = await generateHybridIdentity();
    const last = site.identity.endsWith('Q') ? 'P' : 'Q';
    const bad = ['', 'secret', site.recipient, site.identity.toLowerCase(), `${site.identity} `, hybrid];
    for (const text of [...bad, `${site.identity.slice(0, -1)}${last}`]) {
      const reading = recipientOf(text);
      await expect(reading, text).rejects.toThrow(SealError);
      const error = await reading.catch((thrown: SealError) => thrown);
      expect(error).toMatchObject({ code: 'SEAL_INVALID', cause: undefined });
      if (text.length > 16) expect((error as SealError).message).not.toContain(text.slice(16));
    }
  });
});

describe('isRecipient', () => {
  it('is true for the public half, and for nothing else', async () => {
    expect(await isRecipient(site.recipient)).toBe(true);
    const last = site.recipient.endsWith('q') ? 'p' : 'q';
    const bad = [
      ...['', 'age1', site.identity, site.recipient.toUpperCase(), ` ${site.recipient}`, `${site.recipient}\n`],
      `${site.recipient.slice(0, -1)}${last}`,
      await identityToRecipient(await generateHybridIdentity()), // Debian's age knows it not
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN',
    ];
    for (const text of bad) expect(await isRecipient(text), text).toBe(false);
  });
});

describe('sealFor', () => {
  it('gives what the identity opens, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(Buffer.from(await openSealed(await sealFor(bytes, site.recipient), site.identity))).toEqual(
          Buffer.from(bytes),
        );
      }),
      { numRuns: 25 },
    );
  });

  it('goes over the 64 KiB of a chunk', async () => {
    for (const size of [65_535, 65_536, 65_537, 131_072]) {
      const bytes = Buffer.alloc(size, 7);
      expect(Buffer.from(await openSealed(await sealFor(bytes, site.recipient), site.identity)).equals(bytes)).toBe(
        true,
      );
    }
  });

  it('never gives the same bytes twice', async () => {
    expect(await sealFor(licence, site.recipient)).not.toEqual(await sealFor(licence, site.recipient));
  });

  it('is opened by age itself, with the identity in a file', async () => {
    const [key, sealed] = [
      await file('site.txt', `# created: 2026-11-23T12:00:00Z\n# public key: ${site.recipient}\n${site.identity}\n`),
      await file('license.age', await sealFor(licence, site.recipient)),
    ];
    expect(execFileSync('age', ['-d', '-i', key, sealed])).toEqual(licence);
  });

  it('is not opened by age with the identity of another site', async () => {
    const [key, sealed] = [
      await file('other.txt', `${other.identity}\n`),
      await file('foreign.age', await sealFor(licence, site.recipient)),
    ];
    expect(() => execFileSync('age', ['-d', '-i', key, sealed], { stdio: 'pipe' })).toThrow(/no identity matched/);
  });
});

describe('openSealed', () => {
  it('opens what age has sealed, for this site and others', async () => {
    const plain = await file('plain', licence);
    const sealed = join(folder, 'by-age');
    execFileSync('age', ['-r', other.recipient, '-r', site.recipient, '-o', sealed, plain]);
    for (const { identity } of [site, other])
      expect(Buffer.from(await openSealed(await readFile(sealed), identity))).toEqual(licence);
  });

  it('says NOT_FOR_US for what is sealed for another, or under a passphrase', async () => {
    const foreign = [
      await sealFor(licence, other.recipient),
      await sealWithPassphrase(licence, 'a', { workFactor: 10 }),
      await forStanzas([{ args: ['X25519'], from: other.recipient }]),
    ];
    for (const bytes of foreign) {
      await expect(openSealed(bytes, site.identity)).rejects.toMatchObject({ code: 'NOT_FOR_US' });
    }
  });

  it('passes over a stanza of a kind that it does not know', async () => {
    const bytes = await forStanzas([{ args: ['grease-4711', 'x'] }, { args: ['X25519'], from: site.recipient }]);
    expect(Buffer.from(await openSealed(bytes, site.identity))).toEqual(licence);
  });

  it('never gives bytes that were changed: of every byte, one bit', async () => {
    const sealed = Buffer.from(await sealFor(licence, site.recipient));
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] as number) ^ 1;
      const code = await openSealed(changed, site.identity).catch((error: SealError) => error.code);
      // a changed stanza is one that is for nobody here
      expect(['SEAL_INVALID', 'NOT_FOR_US'], `byte ${at}`).toContain(code);
    }
  });

  it('never gives a part: cut off anywhere, or with more behind it', async () => {
    const sealed = Buffer.from(await sealFor(Buffer.alloc(70_000, 1), site.recipient));
    const nonce = sealed.indexOf('\n--- ') + 49;
    const cuts = [0, 1, 21, nonce - 2, nonce, nonce + 15, nonce + 16, nonce + 16 + 65_552, sealed.length - 1];
    for (const cut of cuts) {
      const code = await openSealed(sealed.subarray(0, cut), site.identity).catch((error: SealError) => error.code);
      expect(code, `cut at ${cut}`).toBe('SEAL_INVALID');
    }
    for (const more of ['\n', 'x'.repeat(70_000)]) {
      const longer = Buffer.concat([sealed, Buffer.from(more)]);
      await expect(openSealed(longer, site.identity)).rejects.toMatchObject({ code: 'SEAL_INVALID' });
    }
  });

  // the kinds of damage of C2SP/CCTV age
  it.each<[string, (header: string) => string]>([
    ['another version', (text) => text.replace('v1', 'v2')],
    ['lines that end as on Windows', (text) => text.replaceAll('\n', '\r\n')],
    ['a space before the line', (text) => ` ${text}`],
    ['an armor', (text) => `-----BEGIN AGE ENCRYPTED FILE-----\n${Buffer.from(text, 'latin1').toString('base64')}\n`],
    ['two spaces in a stanza', (text) => text.replace('X25519 ', 'X25519  ')],
    ['a third argument', (text) => text.replace(/X25519 (\S+)/, 'X25519 $1 more')],
    ['no share', (text) => text.replace(/X25519 \S+/, 'X25519')],
    ['a share that is padded', (text) => text.replace(/X25519 (\S+)/, 'X25519 $1=')],
    ['a share of nothing', (text) => text.replace(/X25519 \S+/, `X25519 ${'A'.repeat(43)}`)],
    ['a short share', (text) => text.replace(/X25519 \S+/, 'X25519 AAAA')],
    ['a longer key in the stanza', (text) => text.replace(/(X25519 \S+\n\S+)/, '$1AAAA')],
    ['a MAC that is cut', (text) => text.replace(/--- \S\S/, '--- ')],
    ['a MAC that is padded', (text) => text.replace(/--- (\S+)/, '--- $1=')],
    ['no MAC', (text) => text.replace(/--- \S+/, '---')],
    ['the stanza twice', (text) => text.replace(/(-> X25519 \S+\n\S+\n)/, '$1$1')],
    ['another stanza in front', (text) => text.replace('-> ', '-> x\n\n-> ')],
  ])('refuses %s', async (_what, change) => {
    const sealed = Buffer.from(await sealFor(licence, site.recipient)).toString('latin1');
    const end = sealed.indexOf('\n--- ') + 48;
    const head = change(sealed.slice(0, end));
    expect(head).not.toBe(sealed.slice(0, end));
    const bytes = Buffer.from(head + sealed.slice(end), 'latin1');
    const code = await openSealed(bytes, site.identity).catch((error: SealError) => error.code);
    expect(['SEAL_INVALID', 'NOT_FOR_US']).toContain(code);
  });

  it('does not look at recipients without end', async () => {
    const text = Buffer.from(await sealFor(licence, other.recipient)).toString('latin1');
    const [stanza = ''] = /-> X25519 [^\n]+\n[^\n]+\n/.exec(text) ?? [];
    const of = (count: number) => Buffer.from(text.replace(stanza, stanza.repeat(count)), 'latin1');
    await expect(openSealed(of(20), site.identity)).rejects.toMatchObject({ code: 'NOT_FOR_US' });
    const refusal = await openSealed(of(10_000), site.identity).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'SEAL_INVALID' });
    expect((refusal as Error).message).toContain('header of at most 65536 bytes');
  });

  it('refuses an identity that is none, and quotes nothing of it', async () => {
    const sealed = await sealFor(licence, site.recipient);
    const error = await openSealed(sealed, 'AGE-SECRET-KEY-1HUNTER2').catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(SealError);
    expect((error as Error).message).not.toContain('HUNTER2');
  });
});

/** A file whose stanzas are of other kinds, or for other sites, as an age with plugins writes it. */
async function forStanzas(
  stanzas: readonly { readonly args: string[]; readonly from?: string }[],
): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  for (const { args, from } of stanzas) {
    if (from !== undefined) encrypter.addRecipient(from);
    else encrypter.addRecipient({ wrapFileKey: () => [{ args, body: Buffer.alloc(32, 9) }] } as never);
  }
  return encrypter.encrypt(licence);
}
