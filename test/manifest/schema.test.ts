import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { releaseSchema } from '../../src/manifest/index.ts';
import { SCHEMA_FILE, schemaText } from '../../src/manifest/schema-file.ts';

describe('the JSON schema', () => {
  it('is the one under manifests/ (else: node src/manifest/schema-file.ts)', () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(schemaText());
  });

  it('accepts the shipped manifests and refuses an unknown key, as a validator sees it', () => {
    const ajv = new Ajv2020({ strict: false, unicodeRegExp: true });
    addFormats.default(ajv);
    const validate = ajv.compile(releaseSchema());
    const atrium = parse(readFileSync(new URL('atrium.yaml', SCHEMA_FILE), 'utf8'));
    expect(validate(atrium), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...atrium, extra: 1 })).toBe(false);
  });
});
