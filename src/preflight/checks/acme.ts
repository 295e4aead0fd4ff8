/** Whether certificates can be had: an ACME directory (RFC 8555 §7.1.1) with the addresses that an order begins at. */
import { shownURL } from '../../http/index.ts';
import type { Attempt, Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';
import { addressOf } from './address.ts';
import { fetchObject, unexpected } from './document.ts';

const NEEDED = ['newNonce', 'newAccount', 'newOrder'] as const;

export async function checkACME(target: CheckTarget, attempt: Attempt): Promise<Found> {
  const given = addressOf(target, 'https:');
  const url = target.url === undefined ? new URL('/directory', given) : given;
  const hint = 'is it the address of the directory (…/directory), and does no proxy answer in its place';
  const options = { attempt, expected: 'an ACME directory', hint };
  const directory = await fetchObject(url, options);
  const missing = NEEDED.filter((name) => typeof directory[name] !== 'string' || !URL.canParse(directory[name]));
  if (missing.length > 0) throw unexpected(url, `JSON without ${missing.join(', ')}`, options);
  const { words, facts } = attempt.certificate();
  return { stage: 'protocol', detail: `${shownURL(url)} is an ACME directory${attempt.byProxy(url)}${words}`, facts };
}
