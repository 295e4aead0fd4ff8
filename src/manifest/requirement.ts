/**
 * A requirement as it is used: a row of the network requirements with its port and its check, filled in where the
 * manifest leaves them out. In `release.json` it stands as a ferry of the first version reads it: that one knows only
 * inbound and outbound, so a row inside of the host crosses as outbound and is known again by its check. Pure.
 */
import { type Address, parseAddress } from './address.ts';
import type { ManifestError } from './error.ts';
import { REQUIREMENT_CHECKS, type RequirementSource } from './schema.ts';

export { REQUIREMENT_CHECKS };

/** What is asked of it. */
export type RequirementCheck = (typeof REQUIREMENT_CHECKS)[number];

/** A row that `preflight` checks. */
export interface Requirement {
  readonly direction: 'inbound' | 'outbound' | 'internal';
  /** For people, as written; `parseAddress` reads it, unless it is inbound: then it is who comes. */
  readonly destination: string;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
  readonly purpose: string;
  readonly impact?: string;
  readonly when?: string;
  /** @default true where there is no `when` */
  readonly required?: boolean;
  readonly check: RequirementCheck;
  readonly url?: string;
  readonly name?: string;
  readonly remedy?: string;
}

export interface ReadRequirementOptions {
  /** Of the release: what is on their registries is asked as one. */
  readonly images: readonly string[];
  /** The error at a key of this row. */
  readonly fault: (key: string, problem: string) => ManifestError;
}

const USUAL_PORTS: Readonly<Partial<Record<RequirementCheck, number>>> = { smtp: 587, dns: 53, 'docker-dns': 53 };
const SMTP_PORTS = [25, 465, 587, 2525];
/** Which name a site's own address has where a row is words and gives none. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/\bsmtp\b|e-?mail|mail server/i, 'smtp'],
  [/\boidc\b|\bidp\b|identity provider/i, 'oidc'],
  [/\bcrm\b/i, 'crm'],
  [/calendar/i, 'calendar'],
];

/** @throws {ManifestError} as `fault` makes it: a destination, URL or check that cannot be, or two ports */
export function readRequirement(source: RequirementSource, { images, fault }: ReadRequirementOptions): Requirement {
  const { direction: written, check, protocol, ...texts } = defined(source);
  const direction = written ?? (check === 'listen' ? 'inbound' : check === 'docker-dns' ? 'internal' : 'outbound');
  const address = readAddresses(texts, { direction, fault });
  if (texts.port !== undefined && address.port !== undefined && texts.port !== address.port) {
    throw fault('port', `expected ${address.port} as in the ${texts.url ? 'url' : 'destination'}, got ${texts.port}`);
  }
  checkFits(direction, check, fault);
  const name =
    texts.name ?? (address.isWords ? NAMES.find(([words]) => words.test(texts.destination))?.[1] : undefined);
  const usual = check && USUAL_PORTS[check];
  const port = texts.port ?? address.port ?? usual ?? (name === 'smtp' ? 587 : 443);
  const guess = () => checkFor({ direction, port, address, name, images });
  return {
    ...texts,
    ...(name !== undefined && { name }),
    direction,
    port,
    check: check ?? guess(),
    ...(protocol !== undefined && { protocol: protocol.toUpperCase() as 'TCP' | 'UDP' }),
  } as Requirement;
}

/** As it stands in `release.json`. */
export function crossingRequirement(requirement: Requirement): Requirement {
  return requirement.direction === 'internal' ? { ...requirement, direction: 'outbound' } : requirement;
}

/** An address as a site or an option gives it: a host with or without port, or a URL; what is wrong with another, as text. */
export function readAddress(text: string): Exclude<Address, { kind: 'words' | 'pattern' }> | string {
  const address = parseAddress(text);
  if (typeof address === 'string') return address.replace(', *.host, a URL, or words with spaces', ' or a URL');
  return address.kind === 'host' ? address : 'expected a host, host:port or a URL';
}

interface Known {
  readonly isWords: boolean;
  readonly host?: string;
  readonly port?: number;
  readonly url?: string;
}

function readAddresses(
  { destination, url }: Pick<RequirementSource, 'destination' | 'url'>,
  { direction, fault }: Pick<ReadRequirementOptions, 'fault'> & { readonly direction: Requirement['direction'] },
): Known {
  const asked = url === undefined ? undefined : readAddress(url);
  if (typeof asked === 'string') throw fault('url', asked);
  if (direction !== 'outbound') return { isWords: false };
  const address = parseAddress(destination);
  if (typeof address === 'string') throw fault('destination', address);
  const port = asked?.port ?? (address.kind === 'words' ? undefined : address.port);
  const host = asked?.host ?? (address.kind === 'words' ? undefined : address.host);
  const full = asked?.url ?? (address.kind === 'host' ? address.url : undefined);
  return { isWords: address.kind === 'words', ...defined({ host, port, url: full }) };
}

/** Who listens here is inbound, and containers among each other are internal. */
function checkFits(
  direction: Requirement['direction'],
  check: RequirementCheck | undefined,
  fault: ReadRequirementOptions['fault'],
): void {
  if (check === undefined) return;
  const fits = check === 'listen' ? 'inbound' : check === 'docker-dns' ? 'internal' : 'outbound';
  if (fits !== direction) throw fault('check', `expected a check for ${direction}, got ${check}, which is for ${fits}`);
}

interface Guess {
  readonly direction: Requirement['direction'];
  readonly port: number;
  readonly address: Known;
  readonly name: string | undefined;
  readonly images: readonly string[];
}

function checkFor({ direction, port, address, name, images }: Guess): RequirementCheck {
  if (direction !== 'outbound') return direction === 'inbound' ? 'listen' : 'docker-dns';
  const { host = '', url = '' } = address;
  if (/^wss?:/.test(url)) return 'websocket';
  if (name === 'oidc') return 'oidc';
  if (/^https?:/.test(url)) return 'https';
  if (SMTP_PORTS.includes(port)) return 'smtp';
  if (port === 53) return 'dns';
  const authority = port === 443 ? host : `${host}:${port}`;
  if (host !== '' && images.some((image) => image.startsWith(`${authority}/`))) return 'registry';
  return port === 443 || port === 80 ? 'https' : 'tcp';
}

function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
