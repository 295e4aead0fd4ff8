/** The engine's JSON, looked at field by field: it comes from outside, so nothing in it has a type yet. */

/** An object's fields; of anything else, none. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A list's items; of anything else (engines send null for an empty list), none. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text; of anything else, the empty one. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
