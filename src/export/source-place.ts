/**
 * What the office writes of where a licence or a certificate is, for the site at hand: `{site}` and `{name}` stand for its
 * ID and its name. What a site calls itself leads nowhere that the office did not mean.
 */
import { ExportError } from './error.ts';
import type { TargetSite } from './target-sites.ts';

/** For whom a source is asked: its `{site}` and `{name}`. */
export type SourceSite = Pick<TargetSite, 'site' | 'name'>;

export interface FillOptions {
  /** None where the source is for whoever imports. */
  readonly site: SourceSite | undefined;
  /** What is read, for messages: `licence`. */
  readonly what: string;
}

/** A path with what stands for `{site}` and `{name}`. @throws {ExportError} `SITE_NEEDED`, `SOURCE_FILE` */
export function fillPath(text: string, options: FillOptions): string {
  return fill(text, options, (value) => {
    if (/[/\\]/.test(value) || isDots(value)) throw leadsElsewhere(value, 'file', options);
    return value;
  });
}

/**
 * A URL with what stands for them: nothing in it leads up, to another thing on the server, with the office's token.
 * @throws {ExportError} `SITE_NEEDED`, `SOURCE_FILE`
 */
export function fillAddress(text: string, options: FillOptions): string {
  return fill(text, options, (value) => {
    if (isDots(value)) throw leadsElsewhere(value, 'part of an address', options);
    return encodeURIComponent(value);
  });
}

function fill(text: string, { site, what }: FillOptions, part: (value: string) => string): string {
  return text.replaceAll(/\{(site|name)\}/g, (placeholder, key: 'site' | 'name') => {
    if (site !== undefined) return part(site[key]);
    throw new ExportError(`read ${what} of ${text}: expected a site for ${placeholder}, got none`, {
      code: 'SITE_NEEDED',
    });
  });
}

function isDots(value: string): boolean {
  return value === '.' || value === '..';
}

function leadsElsewhere(name: string, kind: string, { what }: FillOptions): ExportError {
  const got = `expected a name that can name a ${kind}, got one that leads elsewhere`;
  return new ExportError(`read ${what} of ${name}: ${got}`, {
    code: 'SOURCE_FILE',
    hint: 'use {site} instead of {name}',
  });
}
