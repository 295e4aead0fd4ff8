/**
 * `release.json` (FORMAT §3): what a site needs of a release, signed as one TUF target. Everything else of the bundle
 * hangs below it by digest. It is read with known fields checked and unknown ones left alone, as a later ferry of the
 * same format may add some; written canonically.
 */
import * as z from 'zod';
import { parseJSON } from '../content/index.ts';
import { ManifestError } from './error.ts';
import { digest, line } from './fields.ts';
import { checkFormat } from './format.ts';
import { FERRY_VERSION, FILE_NAME, MODE, PRODUCT, RELEASE } from './names.ts';
import { crossing } from './schema.ts';

const size = z.int().min(0);
const file = z.looseObject({
  name: z.string().regex(FILE_NAME),
  digest,
  size,
  mode: z.string().regex(MODE),
  install: line.optional(),
  ferry: z.looseObject({ version: z.string().regex(FERRY_VERSION), platform: line }).optional(),
});
const platformImage = z.looseObject({
  platform: line,
  manifest: digest,
  config: digest,
  layers: z.array(z.looseObject({ digest, size, mediaType: line, diffID: digest })),
});
/** Directions and checks that a later ferry knows are passed over by whoever makes rows of them. */
const requirement = z.looseObject({
  direction: line,
  destination: line,
  port: z.int().min(1).max(65_535),
  protocol: line.optional(),
  purpose: line,
  ...{ impact: line.optional(), when: line.optional(), required: z.boolean().optional(), check: line.optional() },
  ...{ url: line.optional(), name: line.optional(), remedy: line.optional() },
});
const release = z.looseObject({
  format: z.int().min(1),
  minFerry: line,
  product: z.string().regex(PRODUCT),
  release: z.string().regex(RELEASE),
  sequence: z.int().min(1),
  issued: z.iso.datetime({ precision: 0 }),
  platforms: z.array(line).min(1),
  index: z.looseObject({ digest, size }),
  manifestJSON: z.looseObject({ digest, size }),
  images: z.array(z.looseObject({ name: line, digest, platforms: z.array(platformImage).min(1) })),
  files: z.array(file),
  license: z
    .looseObject({ install: line, graceDays: z.int().min(0).optional(), publicKey: line.optional() })
    .optional(),
  tls: crossing.tls.loose().optional(),
  compose: crossing.compose.loose().optional(),
  requirements: z.array(requirement).optional(),
  upgradeFrom: line.optional(),
  dataRollback: z.enum(['safe', 'restore', 'none']).optional(),
  changes: z.array(line).optional(),
});

/** FORMAT §3. `platforms` and `platform` as `formatPlatform` writes them; `mode` is four octal digits; `issued` is RFC 3339 in UTC, to the second. */
export type ReleaseDocument = z.infer<typeof release>;
/** One image of a release: its name, its target's digest, and per platform what the engine will be asked about. */
export type ReleaseImage = ReleaseDocument['images'][number];
/** A file under `files/`. */
export type ReleaseFile = ReleaseDocument['files'][number];

/**
 * Reads a release.json whose bytes have been proven.
 * @throws {ManifestError} `FORMAT_TOO_NEW`, or `RELEASE_INVALID` naming the first bad field.
 */
export function parseReleaseDocument(bytes: Uint8Array): ReleaseDocument {
  const value = parseJSON(bytes, 'release.json');
  checkFormat(value, 'release.json');
  const parsed = release.safeParse(value);
  if (!parsed.success)
    throw invalid(parsed.error.issues[0]?.path ?? [], parsed.error.issues[0]?.message ?? 'unreadable');
  checkUnique(parsed.data.files, 'files');
  checkUnique(parsed.data.images, 'images');
  return parsed.data;
}

function checkUnique(items: readonly { readonly name: string }[], key: string): void {
  const names = new Set(items.map(({ name }) => name));
  if (names.size !== items.length) throw invalid([key], 'expected each name once');
}

function invalid(path: readonly PropertyKey[], problem: string): ManifestError {
  return new ManifestError(`read release.json: ${path.map(String).join('.') || 'document'}: ${problem}`, {
    code: 'RELEASE_INVALID',
  });
}
