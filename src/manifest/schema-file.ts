/**
 * The JSON schema files for editors, under manifests/: `node src/manifest/schema-file.ts` writes them anew from the zod
 * schemas; a test tells when that was forgotten.
 */
import { writeAtomic } from '../content/index.ts';
import { fleetSchema } from './fleet.ts';
import { releaseSchema } from './schema.ts';

/** Where the files are kept, with the schema of each. */
export const SCHEMA_FILES: readonly (readonly [file: URL, schema: () => object])[] = [
  [new URL('../../manifests/release-manifest.schema.json', import.meta.url), releaseSchema],
  [new URL('../../manifests/fleet.schema.json', import.meta.url), fleetSchema],
];

/** The text of such a file. */
export function schemaText(schema: () => object): string {
  return `${JSON.stringify(schema(), null, 2)}\n`;
}

if (import.meta.main) {
  for (const [file, schema] of SCHEMA_FILES) await writeAtomic(file.pathname, schemaText(schema));
}
