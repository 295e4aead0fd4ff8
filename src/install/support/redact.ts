/**
 * Takes secrets out of texts that leave the site. Two ways, since neither is enough: the values that are known to be
 * secret here (the site's keys, its licence and its TLS key), wherever they turn up; and whatever has the form of a
 * secret, by whomever it was written. Too much is taken rather than too little. Pure.
 */

/** What stands where a secret was. */
const REDACTED = '[redacted]';

/** Takes the secrets out of a text. */
export type Redact = (text: string) => string;

/** Shorter lines of a secret file are found in any text. */
const MIN_SECRET = 8;

const SECRET_NAMES =
  'pass(?:word|phrase|wd|code)?|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|private|authorization|auth|credentials?|identity[-_]?token|cookie|signature';

/** Forms of secrets, and what is kept of each. */
const FORMS: readonly (readonly [form: RegExp, kept: string])[] = [
  // PEM, also where its lines are written as \n in JSON, and where its end is cut off
  [/-----BEGIN [^-]*-----[\s\S]*?(?:-----END [^-]*-----|$)/g, ''],
  [/AGE-SECRET-KEY-[\w-]+/gi, ''],
  [/\b(Bearer|Basic|Negotiate)\s+[\w.~+/=:-]{6,}/gi, '$1 '],
  // a URL's user and password, and what signs it
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s"'<>?#/]*@/gi, '$1'],
  [new RegExp(`([?&](?:[\\w-]*-)?(?:${SECRET_NAMES}|sig)=)[^&\\s"'<>]+`, 'gi'), '$1'],
  // tokens of GitHub, GitLab, Docker, Slack, Amazon; JWTs
  [/\b(?:gh[a-z]_|github_pat_|glpat-|dckr_[a-z]+_|xox[a-z]-)[\w-]{10,}/g, ''],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, ''],
  [/\beyJ[\w-]{6,}(?:\.[\w-]*){1,4}/g, ''],
  [
    new RegExp(
      `((?:${SECRET_NAMES})\\\\?["']?\\s*[:=]\\s*)(?!Bearer |Basic )(?:\\\\?"[^"]*"|'[^']*'|[^\\s,;&"']+)`,
      'gi',
    ),
    '$1',
  ],
];

const IS_SECRET_NAME = new RegExp(`(?:${SECRET_NAMES}|PEM|^env)$`, 'i');

/** @param secrets texts that are secret as a whole and line by line */
export function redactor(secrets: readonly string[]): Redact {
  const known = [
    ...new Set(secrets.flatMap((text) => [text.trim(), ...text.split(/\r?\n/).map((line) => line.trim())])),
  ]
    .filter((text) => text.length >= MIN_SECRET && !text.startsWith('-----'))
    .toSorted((a, b) => b.length - a.length);
  return (text) => {
    const without = known.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
    return FORMS.reduce((rest, [form, kept]) => rest.replaceAll(form, `${kept}${REDACTED}`), without);
  };
}

/** The same for every text in a JSON value, names of fields too; a field whose name says secret loses all it has. */
export function redactValue(value: unknown, redact: Redact): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redact));
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      redact(name),
      IS_SECRET_NAME.test(name) ? REDACTED : redactValue(field, redact),
    ]),
  );
}
