/**
 * Where a requirement leads, as people write it: a host, `host:port`, a URL, a pattern such as `*.ghcr.io`, several of
 * these with commas, or words for what each site has of its own ("Your SMTP server"). Pure.
 */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** What a destination says. */
export type Address =
  | { readonly kind: 'host'; readonly host: string; readonly port?: number; readonly url?: string }
  /** `host` is what stands behind the star. */
  | { readonly kind: 'pattern'; readonly host: string; readonly port?: number }
  | { readonly kind: 'words' };

/** Ports of the schemes that a URL may have. */
const SCHEMES: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'ws:': 80,
  'wss:': 443,
  'smtp:': 25,
  'smtps:': 465,
  'tcp:': 0,
};
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Reads a destination. Answers what is wrong with it as text, in words that follow its name. */
export function parseAddress(text: string): Address | string {
  const trimmed = text.trim();
  if (trimmed.includes(',') && !/[\s(]/.test(trimmed.replaceAll(/,\s*/g, ','))) return parseList(trimmed.split(','));
  if (/\s/.test(trimmed)) return { kind: 'words' };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)) return parseURL(trimmed);
  const at = trimmed.indexOf('/');
  if (at > 0) return parseURL(`https://${trimmed}`);
  return parseHost(trimmed);
}

/** Of several the first is taken that is no pattern: one that answers is what can be asked. */
function parseList(items: readonly string[]): Address | string {
  const parsed = items.map((item) => parseAddress(item));
  const problem = parsed.find((item) => typeof item === 'string');
  if (problem !== undefined) return problem;
  const addresses = parsed as readonly Address[];
  return addresses.find(({ kind }) => kind === 'host') ?? addresses[0] ?? { kind: 'words' };
}

function parseURL(text: string): Address | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usual = url && SCHEMES[url.protocol];
  if (url === undefined || usual === undefined) return 'expected a URL with http, https, ws, wss, smtp or tcp';
  if (url.username !== '' || url.password !== '') return 'expected a URL without a user and a password';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!isHost(host)) return 'expected a URL with a host';
  const port = url.port === '' ? usual : Number(url.port);
  if (port === 0) return 'expected a port, such as tcp://host:5432';
  return /^(?:https?|wss?):$/.test(url.protocol)
    ? { kind: 'host', host, port, url: url.href }
    : { kind: 'host', host, port };
}

function parseHost(text: string): Address | string {
  const bare = isIP(text) !== 0;
  const [, bracketed, name = '', digits] = bare ? [] : (/^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text) ?? []);
  const host = bare ? text : (bracketed ?? domainToASCII(name.replace(/^\*\./, '')));
  if (!isHost(host)) return 'expected a host, host:port, *.host, a URL, or words with spaces';
  if (digits !== undefined && !isPort(digits)) return 'expected a port from 1 to 65535 behind the colon';
  const port = digits === undefined ? {} : { port: Number(digits) };
  return name.startsWith('*.') ? { kind: 'pattern', host, ...port } : { kind: 'host', host, ...port };
}

function isPort(digits: string): boolean {
  return /^\d{1,5}$/.test(digits) && Number(digits) >= 1 && Number(digits) <= 65_535;
}

function isHost(host: string): boolean {
  if (isIP(host) !== 0) return true;
  const labels = host.replace(/\.$/, '').split('.');
  // what is digits and dots alone was meant as an address
  return host.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^[\d.]+$/.test(host);
}
