/**
 * `site.json`, the card of a site (FORMAT §4): what an office may know of it. Read with known fields checked and unknown
 * ones left alone, as a later ferry of the same format may add some. Who signed it is judged in trust and workspace.
 */
import * as z from 'zod';
import { ManifestError } from './error.ts';
import { digest, line } from './fields.ts';
import { checkFormat, FORMAT, MIN_FERRY } from './format.ts';
import { isSiteName, PRODUCT, SITE_ID } from './names.ts';

/** The type of the envelope that a card travels in. */
export const SITE_CARD = 'site-card';

/** SHA-256 of a SubjectPublicKeyInfo. */
const SPKI = /^[0-9a-f]{64}$/;
/** A request for a hundred names is far below. */
const MAX_CSR = 64 * 1024;

const count = z.int().min(0);
const instant = z.iso.datetime();
const held = z.looseObject({ name: line, imageID: digest, config: digest, diffIDs: z.array(digest) });
const siteCard = z.looseObject({
  format: z.int().min(1),
  minFerry: line,
  site: z
    .string()
    .regex(SITE_ID)
    .refine((site) => site !== 'any'),
  name: z.string().refine(isSiteName, { error: 'expected one line of at most 64 characters' }),
  keys: z.looseObject({ sign: z.string().regex(/^[0-9a-f]{64}$/), age: line }),
  product: z.string().regex(PRODUCT).optional(),
  platform: line.optional(),
  engine: z.looseObject({ name: line, version: line, store: line, apiVersion: line }).optional(),
  holds: z.array(held),
  trust: z.looseObject({ root: count, catalogue: count, sequence: count }).optional(),
  license: z.looseObject({ validUntil: instant }).optional(),
  certificate: z.looseObject({ notAfter: instant, names: z.array(line), spki: z.string().regex(SPKI) }).optional(),
  csr: z.base64().max(MAX_CSR).optional(),
  issued: instant,
});

/**
 * FORMAT §4. `keys.sign` is the Ed25519 public key in hex, `keys.age` an age recipient; `platform` as `formatPlatform`
 * writes it. Without an engine that answered there is no `engine` and `platform`, and `holds` is empty. `csr` is the base64
 * of a certificate request in DER, of the key that waits at the site; `certificate` is the one that is installed.
 */
export type SiteCard = z.infer<typeof siteCard>;
/** An image that the site's engine has, of the installed release. */
export type HeldImage = SiteCard['holds'][number];

/** What a site says of itself. */
export type SiteCardFields = Pick<
  SiteCard,
  | 'site'
  | 'name'
  | 'keys'
  | 'product'
  | 'platform'
  | 'engine'
  | 'holds'
  | 'trust'
  | 'license'
  | 'certificate'
  | 'csr'
  | 'issued'
>;

/** Makes the content of a card, as it is signed. */
export function siteCardDocument(
  fields: SiteCardFields,
): SiteCardFields & { readonly type: string; readonly format: number; readonly minFerry: string } {
  return { ...fields, type: SITE_CARD, format: FORMAT, minFerry: MIN_FERRY };
}

/**
 * Reads the content of a card whose envelope was opened.
 * @throws {ManifestError} `FORMAT_TOO_NEW`, or `CARD_INVALID` naming the first bad field.
 */
export function parseSiteCard(content: unknown): SiteCard {
  checkFormat(content, 'site card');
  const parsed = siteCard.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = (issue?.path ?? []).map(String).join('.') || 'document';
  throw new ManifestError(`read site card: ${at}: ${issue?.message ?? 'unreadable'}`, { code: 'CARD_INVALID' });
}
