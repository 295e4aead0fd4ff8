// What oci/ takes and refuses, held against the official JSON schemas: no published types of the specs exist.
import { describe, expect, it } from 'vitest';
import {
  digestOf,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  parseImageConfig,
  parseManifest,
} from '../../src/oci/index.ts';
import { haveSchemas, schemaErrors } from '../support/oci-schemas.ts';

const digest = digestOf(Buffer.from('x'));
const config = { mediaType: OCI_CONFIG, digest, size: 2 };
const layers = [{ mediaType: OCI_LAYER_GZIP, digest, size: 3 }];
const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers };
const manifests = [
  { mediaType: OCI_MANIFEST, digest, size: 1, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } },
];
const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
const image = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digest] } };

const DOCUMENTS = [
  ['image-manifest-schema.json', manifest, parseManifest],
  ['image-index-schema.json', index, parseManifest],
  ['config-schema.json', image, parseImageConfig],
] as const;

/** Ways to break a document that both the schema and we must see. */
const BROKEN: readonly ((document: Record<string, unknown>) => unknown)[] = [
  (d) => ({ ...d, schemaVersion: 'x', rootfs: 1 }),
  (d) => ({ ...d, config: { ...config, size: '2' }, manifests: [{ ...manifests[0], size: '1' }], os: 5 }),
  (d) => ({
    ...d,
    config: { ...config, digest: 'nonsense' },
    manifests: [{ ...manifests[0], digest: 1 }],
    architecture: 5,
  }),
  (d) => ({ ...d, layers: 'none', manifests: 'none', rootfs: { type: 'tree', diff_ids: [] } }),
];

describe.runIf(haveSchemas)('the official schemas', () => {
  it.each(DOCUMENTS)('%s: takes what we take', (schema, document, parse) => {
    expect(schemaErrors(schema, document)).toBe('');
    expect(() => parse(Buffer.from(JSON.stringify(document)))).not.toThrow();
  });

  it.each(DOCUMENTS)('%s: refuses what we refuse', (schema, document, parse) => {
    for (const breakIt of BROKEN) {
      const broken = breakIt(document);
      expect(schemaErrors(schema, broken)).not.toBe('');
      expect(() => parse(Buffer.from(JSON.stringify(broken)))).toThrow();
    }
  });
});
