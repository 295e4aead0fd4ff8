/** `site-files.json` (FORMAT §4): the files of one site, or of `any`, authorised by its own targets entry. */
import * as z from 'zod';
import { parseJSON } from '../content/index.ts';
import { ManifestError } from './error.ts';
import { digest, line } from './fields.ts';
import { checkFormat, FORMAT, MIN_FERRY } from './format.ts';
import { FILE_NAME, MODE, PRODUCT, SITE_ID } from './names.ts';

const siteFile = z.looseObject({
  name: z.string().regex(FILE_NAME),
  role: z.enum(['license', 'certificate', 'chain', 'file']),
  digest,
  size: z.int().min(0),
  sealed: z.boolean(),
  install: line.optional(),
  mode: z.string().regex(MODE),
  spki: line.optional(),
  validUntil: z.iso.datetime({ precision: 0 }).optional(),
});
const siteFiles = z.looseObject({
  format: z.int().min(1),
  minFerry: line,
  product: z.string().regex(PRODUCT),
  site: z.string().regex(SITE_ID),
  issued: z.iso.datetime({ precision: 0 }),
  files: z.array(siteFile),
});

/** FORMAT §4. For a sealed file digest and size are the ciphertext's. `mode` is four octal digits. */
export type SiteFiles = z.infer<typeof siteFiles>;
/** One file of a site. */
export type SiteFile = SiteFiles['files'][number];

/** Makes a site-files.json. `issued` is RFC 3339 in UTC, to the second. */
export function siteFilesDocument(fields: Pick<SiteFiles, 'product' | 'site' | 'issued' | 'files'>): SiteFiles {
  const { product, site, issued, files } = fields;
  return { format: FORMAT, minFerry: MIN_FERRY, product, site, issued, files };
}

/**
 * Reads a site-files.json whose bytes have been proven.
 * @throws {ManifestError} `FORMAT_TOO_NEW`, or `SITE_FILES_INVALID` naming the first bad field.
 */
export function parseSiteFiles(bytes: Uint8Array): SiteFiles {
  const value = parseJSON(bytes, 'site-files.json');
  checkFormat(value, 'site-files.json');
  const parsed = siteFiles.safeParse(value);
  const [issue] = parsed.error?.issues ?? [];
  if (!parsed.success) throw invalid(issue?.path ?? [], issue?.message ?? 'unreadable');
  const names = new Set(parsed.data.files.map(({ name }) => name));
  if (names.size !== parsed.data.files.length) throw invalid(['files'], 'expected each name once');
  return parsed.data;
}

function invalid(path: readonly PropertyKey[], problem: string): ManifestError {
  return new ManifestError(`read site-files.json: ${path.map(String).join('.') || 'document'}: ${problem}`, {
    code: 'SITE_FILES_INVALID',
  });
}
