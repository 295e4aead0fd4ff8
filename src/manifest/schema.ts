/**
 * The shape of a release manifest (DESIGN, "Release manifest") as zod schemas: keys, types and grammars, nothing that
 * needs another field. The JSON schema under manifests/ is generated from it, so it holds no transform. Rules that
 * span fields are in `rules.ts`.
 */
import * as z from 'zod';
import { FERRY_VERSION, FILE_NAME, MODE, PRODUCT, RELEASE_TEMPLATE } from './names.ts';
import { isRange } from './range.ts';

const text = (words: string) => z.string({ error: `expected ${words}` });
/** Text on one line; `words` say what. */
export const line = (words: string) =>
  text(words).regex(/^[^\p{Cc}]{1,500}$/u, { error: `expected ${words}, on one line` });
const grammar = (pattern: RegExp, words: string) => text(words).regex(pattern, { error: `expected ${words}` });

const fileName = grammar(FILE_NAME, 'a name of letters, digits, ".", "_" and "-", at most 73 characters');
const mode = grammar(
  MODE,
  'a mode of four octal digits in quotes, such as "0644", without set-ID bits or writing by others',
);
const destination = line('an absolute path').describe(
  'Where the site installs it: under /etc, /opt or /var/lib/<product>.',
);
const from = line('a path, relative to this manifest').describe('The file to carry, relative to this manifest.');
const serviceName = grammar(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, 'a name of a service or container');

const file = z.strictObject({
  name: fileName.optional().describe('Its name in the bundle; the last part of `from` when left out.'),
  from,
  install: destination.optional(),
  mode: mode.optional().describe('Four octal digits, in quotes.').meta({ default: '0644' }),
});

/** A file with a licence. */
export const licenseFrom = line('a path, relative to this file').describe('A file, relative to this one.');
/** Where a licence is fetched. `{site}` and `{name}` make it no URL yet, so it is tried with something in their place. */
export const licenseURL = grammar(/^https?:\/\/[^\s\p{Cc}]{1,2000}$/u, 'an http or https URL')
  .refine((url) => URL.canParse(url.replaceAll(/\{(?:site|name)\}/g, 'x')), { error: 'expected an http or https URL' })
  .describe('Where it is fetched; {site} and {name} stand for the site that it is for.');
const variable = grammar(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable');
/** Where its token is. */
export const licenseTokenEnv = variable.describe('The environment variable that holds the token.');

const certificateFile = line('a path, relative to this file');
/** Where a certificate comes from; paths, in which `{site}` and `{name}` stand for the site that it is for. */
export const certificateFrom = {
  chain: certificateFile.describe(
    'The certificate and its intermediates, relative to this file; {site} and {name} stand for the site that it is for.',
  ),
  key: certificateFile.describe('Its private key, which crosses sealed; none where the site has made the key itself.'),
  ca: certificateFile.describe('The root that it ends at, where that is not one of this system.'),
  keyPassphraseEnv: variable.describe('The environment variable that holds the passphrase of the key.'),
};

const license = z.strictObject({
  from: from.optional(),
  url: licenseURL.optional(),
  tokenEnv: licenseTokenEnv.optional(),
  name: fileName.optional(),
  install: destination,
  mode: mode.optional(),
  graceDays: z
    .int({ error: 'expected a whole number of days' })
    .min(0, { error: 'expected 0 days or more' })
    .max(3650, { error: 'expected 3650 days or fewer' })
    .optional(),
  publicKey: text('a public key in PEM or base64 DER').max(4096).optional(),
});

const reload = z.strictObject({
  service: serviceName.optional(),
  container: serviceName.optional(),
  signal: grammar(/^SIG[A-Z][A-Z0-9]{1,9}$/, 'a signal such as SIGHUP').optional(),
  restart: z.literal(true, { error: 'expected true, or no such key' }).optional(),
});

/** Names of a server. */
export const hostNames = z
  .array(line('a host name or address'))
  .min(1, { error: 'expected at least one name' })
  .max(100);

const tls = z.strictObject({
  dir: destination,
  names: hostNames,
  reload: reload.optional(),
});

/** Where certificates come from is the office's business: it never crosses. */
const officeTLS = tls.extend(z.object(certificateFrom).partial().shape);

const compose = z.strictObject({
  project: grammar(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a compose project name: lower-case letters, digits, "_" and "-"'),
  file: fileName,
  health: z
    .strictObject({
      timeoutSeconds: z.int({ error: 'expected a whole number of seconds' }).min(1).max(86_400).optional(),
      services: z.array(serviceName).min(1).max(200).optional(),
    })
    .optional()
    .describe('When a release counts as up.'),
});

/** What is asked of a requirement: the checks of destinations, who listens here, and Docker's own DNS. */
export const REQUIREMENT_CHECKS = [
  ...(['dns', 'tcp', 'tls', 'https', 'registry', 'blobs', 'acme', 'smtp', 'oidc', 'websocket'] as const),
  ...(['listen', 'docker-dns'] as const),
] as const;

/** A name by which a site says what its own address is. */
export const REQUIREMENT_NAME = /^[a-z][a-z0-9-]{0,31}$/;

const requirement = z.strictObject({
  direction: z
    .enum(['inbound', 'outbound', 'internal'], { error: 'expected inbound, outbound or internal' })
    .optional()
    .meta({ default: 'outbound' }),
  destination: line('a host, host:port, a pattern such as *.ghcr.io, a URL, or words such as "Your SMTP server"'),
  port: z
    .int({ error: 'expected a port number' })
    .min(1, { error: 'expected a port from 1 to 65535' })
    .max(65_535, { error: 'expected a port from 1 to 65535' })
    .optional()
    .describe('Of the destination or the check where it is left out; else 443.'),
  protocol: grammar(/^(?:TCP|UDP)$/i, 'TCP or UDP').optional(),
  purpose: line('what it is for'),
  impact: line('what happens when it is blocked').optional(),
  when: line('when it is needed').optional().describe('When it is needed; such a row is not required by itself.'),
  required: z.boolean({ error: 'expected true or false' }).optional().describe('Left out: true, but where `when` is.'),
  check: z
    .enum(REQUIREMENT_CHECKS, { error: `expected one of ${REQUIREMENT_CHECKS.join(', ')}` })
    .optional()
    .describe('How far it is asked; by the port where it is left out.'),
  url: line('a URL')
    .optional()
    .describe('What is asked for it: `https://login.example/realm` for oidc, or a host of a pattern.'),
  name: grammar(REQUIREMENT_NAME, 'a name of lower-case letters, digits and "-", such as smtp')
    .optional()
    .describe('By which a site gives its own address: `preflight:` in site.yaml, or --at NAME=ADDRESS.'),
  remedy: line('what to do when it fails').optional(),
});

const ferry = z.strictObject({
  name: fileName.optional(),
  from,
  platform: line('a platform such as linux/amd64'),
  version: grammar(FERRY_VERSION, 'a version such as 0.1.0').optional(),
});

/** A release manifest as YAML gives it, before rules that span fields. */
export const manifestSchema = z.strictObject({
  product: grammar(PRODUCT, 'a lower-case letter and then 1 to 31 of lower-case letters, digits and "-"'),
  release: grammar(
    RELEASE_TEMPLATE,
    'letters, digits, ".", "_", "-" and {date}, at most 64 characters, in quotes when it looks like a number',
  ),
  platforms: z
    .array(line('a platform such as linux/amd64'))
    .min(1, { error: 'expected at least one platform' })
    .max(16),
  images: z
    .array(line('an image such as ghcr.io/owner/name:tag'))
    .min(1, { error: 'expected at least one image' })
    .max(5000, { error: 'expected at most 5000 images' }),
  files: z.array(file).max(1000).optional(),
  compose: compose.optional(),
  license: license.optional(),
  tls: officeTLS.optional(),
  ferry: z.array(ferry).max(16).optional(),
  upgradeFrom: line('a range such as ">=1.8"')
    .refine(isRange, { error: 'expected a range such as ">=1.8 <3"' })
    .optional(),
  dataRollback: z.enum(['safe', 'restore', 'none'], { error: 'expected safe, restore or none' }).optional(),
  requirements: z.array(requirement).max(500).optional(),
  changes: z.array(line('a change')).max(1000).optional(),
});

/** What the schema accepts. */
export type ManifestSource = z.infer<typeof manifestSchema>;
/** A row that `preflight` checks, as it is written. */
export type RequirementSource = z.infer<typeof requirement>;
/** How a service learns of new certificates: exactly one of service and container, one of signal and restart. */
export type Reload = z.infer<typeof reload>;
/** Parts that cross as they are. */
export const crossing = { tls, compose } as const;

/** The JSON schema of a release manifest, for editors; kept current under manifests/ by a test. */
export function releaseSchema(): Readonly<Record<string, unknown>> {
  return { ...z.toJSONSchema(manifestSchema, { io: 'input' }), title: 'Ferry release manifest' };
}
