/**
 * The JSON schema file for editors, `manifests/release-manifest.schema.json`: `node src/manifest/schema-file.ts` writes
 * it anew from the zod schema; a test tells when that was forgotten.
 */
import { writeAtomic } from '../content/index.ts';
import { releaseSchema } from './schema.ts';

/** Where the file is kept. */
export const SCHEMA_FILE: URL = new URL('../../manifests/release-manifest.schema.json', import.meta.url);

/** The text of the file. */
export function schemaText(): string {
  return `${JSON.stringify(releaseSchema(), null, 2)}\n`;
}

if (import.meta.main) await writeAtomic(SCHEMA_FILE.pathname, schemaText());
