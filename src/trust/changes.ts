/**
 * What a new metadata file changes against the one before, in lines for the people who are asked to sign it. Every
 * difference shows: fields that have no words of their own are named as changed.
 */
import { canonicalJSON } from '../content/index.ts';
import type { MetadataFile } from './metadata.ts';
import { isRecord } from './metadata.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The differences, in a fixed order; all of the file when there was none before. */
export function changesBetween(former: MetadataFile | undefined, next: MetadataFile): string[] {
  const [before, after] = [former?.signed ?? {}, next.signed];
  return namesOf(before, after).flatMap((name) => fieldChanges(name, before[name], after[name]));
}

function fieldChanges(name: string, before: unknown, after: unknown): string[] {
  if (isSame(before, after)) return [];
  switch (name) {
    case '_type':
    case 'spec_version':
      return before === undefined ? [] : [`${name}: ${text(before)} becomes ${text(after)}`];
    case 'keys':
      return mapChanges('key', before, after, () => 'is described otherwise');
    case 'roles':
      return mapChanges('role', before, after, roleChange);
    case 'targets':
      return mapChanges('target', before, after, () => 'has other content');
    default:
      return [before === undefined ? `${name}: ${text(after)}` : `${name}: ${text(before)} becomes ${text(after)}`];
  }
}

function mapChanges(
  what: string,
  before: unknown,
  after: unknown,
  change: (one: unknown, other: unknown) => string,
): string[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  return namesOf(old, now).flatMap((name) => {
    if (isSame(old[name], now[name])) return [];
    if (old[name] === undefined)
      return [`${what} ${name} is added${what === 'role' ? `: ${roleText(now[name])}` : ''}`];
    return [now[name] === undefined ? `${what} ${name} is removed` : `${what} ${name} ${change(old[name], now[name])}`];
  });
}

function roleChange(before: unknown, after: unknown): string {
  return `was ${roleText(before)}, becomes ${roleText(after)}`;
}

function roleText(role: unknown): string {
  const { threshold, keyids } = fieldsOf(role);
  const keys = Array.isArray(keyids) ? keyids.map((keyID) => String(keyID).slice(0, 16)) : [];
  return `${text(threshold)} of ${keys.length} (${keys.join(', ')})`;
}

function namesOf(one: Fields, other: Fields): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].toSorted();
}

function isSame(one: unknown, other: unknown): boolean {
  if (one === undefined || other === undefined) return one === other;
  return canonicalJSON(one).equals(canonicalJSON(other));
}

function text(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'string' ? value : canonicalJSON(value).toString();
}

function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}
