import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../../src/content/index.ts';
import {
  contentDigest,
  isNewer,
  parseReleaseDocument,
  parseReleaseManifest,
  parseSiteFiles,
  releaseDocument,
  releaseName,
  satisfiesRange,
  siteFilesDocument,
} from '../../src/manifest/index.ts';
import type { ImageClosure } from '../../src/oci/index.ts';
import { digestOf } from '../../src/oci/index.ts';

const digest = (text: string) => digestOf(Buffer.from(text));
const descriptor = (text: string, size = 10) => ({ mediaType: 'application/x', digest: digest(text), size });
const image: ImageClosure = {
  name: 'registry.example/a/b:1',
  target: descriptor('index'),
  documents: [],
  platforms: [
    {
      platform: { os: 'linux', architecture: 'amd64' },
      manifest: descriptor('manifest'),
      config: descriptor('config'),
      layers: [descriptor('layer')],
      diffIDs: [digest('diff')],
    },
  ],
  blobs: [descriptor('layer')],
};
const manifestOf = (release: string, more = '') =>
  parseReleaseManifest(
    `product: demo\nrelease: "${release}"\nplatforms: [linux/amd64]\nimages: [registry.example/a/b:1]\n${more}`,
    { path: 'm.yaml' },
  );
const documentOf = (release: string, { more = '', sequence = 1, issued = '2026-01-02T03:04:05Z' } = {}) =>
  releaseDocument({
    manifest: manifestOf(release, more),
    images: [image],
    index: Buffer.from('i'),
    manifestJSON: Buffer.from('m'),
    files: [{ name: 'a', digest: digest('a'), size: 1, mode: '0644' }],
    sequence,
    issued: new Date(issued),
  });

describe('releaseDocument', () => {
  it('is read back as it was written', () => {
    const document = documentOf('1', { more: 'upgradeFrom: ">=1"\ndataRollback: safe\nchanges: [a]\n' });
    expect(parseReleaseDocument(canonicalJSON(document))).toEqual(document);
    expect(document).toMatchObject({ format: 1, minFerry: '0.1.0', issued: '2026-01-02T03:04:05Z' });
  });

  it('carries a public key on one line, and neither the source nor the token of a licence', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const pem = String(publicKey.export({ type: 'spki', format: 'pem' }))
      .trim()
      .replaceAll('\n', '\n    ');
    const more = `license:\n  url: https://secret.example/x\n  tokenEnv: TOKEN\n  install: /etc/demo/l\n  publicKey: |\n    ${pem}\n`;
    const text = canonicalJSON(documentOf('1', { more })).toString();
    expect(text).toContain(publicKey.export({ type: 'spki', format: 'der' }).toString('base64'));
    expect(text).not.toMatch(/secret|TOKEN/);
  });

  it('carries where certificates go, and not where the office has them', () => {
    const tls = 'tls: {dir: /etc/demo/tls, names: [a.example], reload: {service: web, signal: SIGHUP}';
    const plain = documentOf('1', { more: `${tls}}\n` });
    const more = `${tls}, chain: ./a.pem, key: ./a.key, ca: ./ca.pem, keyPassphraseEnv: PASS}\n`;
    expect(documentOf('1', { more })).toEqual(plain);
    expect(Object.keys(plain.tls ?? {}).toSorted()).toEqual(['dir', 'names', 'reload']);
  });
});

describe('contentDigest', () => {
  it('does not see sequence, issued and changes', () => {
    const one = contentDigest(documentOf('1'), { dated: false });
    const two = documentOf('1', { sequence: 9, issued: '2030-01-01T00:00:00Z', more: 'changes: [x]\n' });
    expect(contentDigest(two, { dated: false })).toBe(one);
  });

  it('sees the release, unless the manifest put the date in it', () => {
    expect(contentDigest(documentOf('1'), { dated: false })).not.toBe(contentDigest(documentOf('2'), { dated: false }));
    const days = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'].map((issued) => documentOf('n-{date}', { issued }));
    expect(days.map(({ release }) => release)).toEqual(['n-20260101', 'n-20260102']);
    expect(new Set(days.map((day) => contentDigest(day, { dated: true }))).size).toBe(1);
  });

  it('sees everything else', () => {
    const one = contentDigest(documentOf('1'), { dated: false });
    expect(contentDigest(documentOf('1', { more: 'dataRollback: safe\n' }), { dated: false })).not.toBe(one);
  });
});

describe('parseReleaseDocument', () => {
  const change = (fields: object) => canonicalJSON({ ...documentOf('1'), ...fields });

  it('says which ferry a later format needs', () => {
    expect(() => parseReleaseDocument(change({ format: 2, minFerry: '3.0.0', images: 'other' }))).toThrow(
      expect.objectContaining({ code: 'FORMAT_TOO_NEW', message: expect.stringContaining('needs ferry 3.0.0') }),
    );
  });

  it.each([
    ['no format', { format: undefined }],
    ['a sequence of zero', { sequence: 0 }],
    ['a release with a plus', { release: '1+2' }],
    ['a name that climbs', { files: [{ name: '../x', digest: digest('a'), size: 1, mode: '0644' }] }],
    ['a mode with set-ID', { files: [{ name: 'x', digest: digest('a'), size: 1, mode: '4755' }] }],
    ['one file name twice', { files: [0, 1].map(() => ({ name: 'x', digest: digest('a'), size: 1, mode: '0644' })) }],
    [
      'a version of ferry that would be another folder',
      {
        files: [
          {
            name: 'ferry',
            digest: digest('a'),
            size: 1,
            mode: '0755',
            ferry: { version: '0.2.0/../..', platform: 'linux/amd64' },
          },
        ],
      },
    ],
    ['a digest of another kind', { index: { digest: 'md5:00', size: 1 } }],
  ])('refuses %s', (_what, fields) => {
    const bytes = Buffer.from(JSON.stringify({ ...documentOf('1'), ...fields }));
    expect(() => parseReleaseDocument(bytes)).toThrow(expect.objectContaining({ code: 'RELEASE_INVALID' }));
  });

  it('lets a field pass that a later ferry of this format may add', () => {
    expect(parseReleaseDocument(change({ later: true }))).toMatchObject({ later: true });
  });
});

describe('parseSiteFiles', () => {
  const file = { name: 'l', role: 'license', digest: digest('l'), size: 1, sealed: false, mode: '0644' } as const;
  const document = siteFilesDocument({ product: 'demo', site: 'any', issued: '2026-01-02T03:04:05Z', files: [file] });

  it('reads what was written', () => {
    expect(parseSiteFiles(canonicalJSON(document))).toEqual(document);
  });

  it.each([
    ['another site name', { site: 'elsewhere' }],
    ['an unknown role', { files: [{ ...file, role: 'script' }] }],
    ['one name twice', { files: [file, file] }],
  ])('refuses %s', (_what, fields) => {
    const bytes = canonicalJSON({ ...document, ...fields });
    expect(() => parseSiteFiles(bytes)).toThrow(expect.objectContaining({ code: 'SITE_FILES_INVALID' }));
  });
});

describe('satisfiesRange', () => {
  it.each([
    ['1.8', '>=1.8', true],
    ['1.10.0', '>=1.8', true],
    ['1.7.9', '>=1.8', false],
    ['2.1.0', '>=1.8 <2', false],
    ['2.1.0', '<1 || >=2', true],
    ['2.1', '2.1.0', true],
    ['2.1.0-rc.2', '>=2.1.0', false],
    ['2.1.0-rc.10', '>2.1.0-rc.2', true],
    ['nightly-20260101', '>=1', undefined],
  ])('%s in %s is %s', (version, range, expected) => {
    expect(satisfiesRange(version, range)).toBe(expected);
  });
});

describe('isNewer', () => {
  it.each([
    ['0.2.0', '0.1.9', true],
    ['0.10.0', '0.9.0', true],
    ['0.2.0', '0.2.0', false],
    ['0.2.0-rc.1', '0.2.0', false],
    ['0.2.0', '0.2.0-rc.1', true],
    ['nightly', '0.2.0', undefined],
  ])('%s than %s: %s', (version, than, expected) => {
    expect(isNewer(version, than)).toBe(expected);
  });
});

describe('releaseName', () => {
  it('takes the UTC day', () => {
    expect(releaseName('2.1.{date}', new Date('2026-12-31T23:30:00-05:00'))).toBe('2.1.20270101');
  });
});
