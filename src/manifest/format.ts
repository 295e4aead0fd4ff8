/**
 * The format number that every ferry document carries, and the gate before a document is used (FORMAT, first
 * paragraph). `minFerry` is fixed by the format and never by the running version, so that equal inputs give equal bytes.
 */
import { ManifestError } from './error.ts';

/** The format that this ferry writes, and the highest that it reads. */
export const FORMAT = 1;

/** The first ferry that reads {@link FORMAT}. */
export const MIN_FERRY = '0.1.0';

/**
 * Lets a parsed document pass when its format can be read here. Called before anything else in it is judged.
 * @throws {ManifestError} `FORMAT_TOO_NEW` when the number is higher, with the ferry that is needed in `facts.minFerry`.
 */
export function checkFormat(document: unknown, what: string): void {
  const { format, minFerry } = fieldsOf(document);
  if (typeof format !== 'number' || format <= FORMAT) return; // a missing or wrong number is the schema's to name
  const needed = typeof minFerry === 'string' && /^[0-9A-Za-z.+-]{1,32}$/.test(minFerry) ? minFerry : 'a later ferry';
  throw new ManifestError(
    `read ${what}: expected format ${FORMAT} or lower, got ${format}, which needs ferry ${needed}`,
    {
      code: 'FORMAT_TOO_NEW',
      facts: { format, minFerry: needed },
    },
  );
}

function fieldsOf(document: unknown): Readonly<Record<string, unknown>> {
  return typeof document === 'object' && document !== null ? { ...document } : {};
}
