import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SCHEMA_FILES, schemaText } from '../../src/manifest/schema-file.ts';

describe('the JSON schemas', () => {
  it.each(SCHEMA_FILES)('are those under manifests/ (else: node src/manifest/schema-file.ts)', (file, schema) => {
    expect(readFileSync(file, 'utf8')).toBe(schemaText(schema));
  });

  it.each([
    [SCHEMA_FILES[0], 'atrium.yaml'],
    [SCHEMA_FILES[0], 'demo.yaml'],
    [SCHEMA_FILES[1], 'fleet.yaml'],
  ] as const)(
    'accept what is shipped and refuse an unknown key, as a validator sees it',
    ([file, schema] = never(), name) => {
      const ajv = new Ajv2020({ strict: false, unicodeRegExp: true });
      addFormats.default(ajv);
      const validate = ajv.compile(schema());
      const shipped = parse(readFileSync(new URL(name, file), 'utf8'));
      expect(validate(shipped), JSON.stringify(validate.errors)).toBe(true);
      expect(validate({ ...shipped, extra: 1 })).toBe(false);
    },
  );
});

function never(): never {
  throw new Error('expected two schemas');
}
