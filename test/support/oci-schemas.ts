// The official JSON schemas of the image spec, as one judge: `undefined` where the vectors are not beside the checkout.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import AjvDraft04 from 'ajv-draft-04';
import { vectorsFolder } from './vectors.ts';

const FOLDER = vectorsFolder('image-spec/schema');
const BASE = 'https://opencontainers.org/schema/image/';

/** Whether the schemas are at hand; a suite that needs them is shown as skipped where they are not. */
export const haveSchemas = existsSync(FOLDER);

/** What a schema (`image-manifest-schema.json`) has against a document; empty when it is valid. */
export function schemaErrors(schema: string, document: unknown): string {
  return judge().validate(BASE + schema, document) ? '' : judge().errorsText();
}

let ajv: InstanceType<typeof AjvDraft04.default> | undefined;

function judge(): InstanceType<typeof AjvDraft04.default> {
  if (ajv !== undefined) return ajv;
  ajv = new AjvDraft04.default({ strict: false, validateFormats: false });
  for (const file of readdirSync(FOLDER)) {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    ajv.addSchema({ ...JSON.parse(text, dropID), id: BASE + file });
  }
  return ajv;
}

/** The schemas refer to each other by file name: an address of its own would make such a reference point elsewhere. */
function dropID(key: string, value: unknown): unknown {
  return key === 'id' && typeof value === 'string' ? undefined : value;
}
