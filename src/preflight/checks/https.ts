/**
 * Whether a web server answers as itself: TLS that is good, and a status that is the server's own. Redirects are
 * followed on that server alone; where it sends people from there is another requirement.
 */
import { type HTTPResponse, isSameOrigin, shownURL } from '../../http/index.ts';
import { type Attempt, CheckFailure, type Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';
import { addressOf } from './address.ts';

const MAX_HOPS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export async function checkHTTPS(target: CheckTarget, attempt: Attempt): Promise<Found> {
  const start = addressOf(target, 'https:');
  let url = start;
  for (let hop = 0; hop <= MAX_HOPS; hop += 1) {
    const response = await attempt.send(url);
    const next = nextOf(response);
    if (next === undefined || !isSameOrigin(url, next)) return judge(response, { url, next, attempt });
    url = next;
  }
  throw new CheckFailure({
    stage: 'http',
    detail: `GET ${shownURL(start)}: expected an answer, got more than ${MAX_HOPS} redirects`,
    hint: 'redirects that go round come of a portal or a proxy that wants something of a person',
  });
}

function nextOf(response: HTTPResponse): URL | undefined {
  const location = response.header('location');
  if (!REDIRECTS.has(response.status) || location === undefined || !URL.canParse(location, response.url.href)) {
    return undefined;
  }
  return new URL(location, response.url);
}

interface Answered {
  readonly url: URL;
  readonly next: URL | undefined;
  readonly attempt: Attempt;
}

/** Any status below 500 is a server's own word, but for those that a portal or proxy says in its place. */
function judge({ status }: HTTPResponse, { url, next, attempt }: Answered): Found {
  const fail = (got: string, hint: string) =>
    new CheckFailure({
      stage: 'http',
      detail: `GET ${shownURL(url)}: expected an answer, got ${got}`,
      hint,
      facts: { status },
    });
  if (status >= 500) throw fail(`status ${status}`, STATUS_HINTS[status] ?? 'the server is reached and fails');
  if (status === 407) throw fail('status 407', 'a proxy that no variable names stands between, and wants a login');
  if (url.protocol === 'https:' && next?.protocol === 'http:') {
    throw fail(
      `a way out of TLS, to ${next.origin}`,
      'a portal answers for the server: it wants something of a person',
    );
  }
  const { words, facts } = attempt.certificate();
  const leads = next === undefined ? '' : `, which leads to ${next.host}`;
  const detail = `GET ${shownURL(url)}: status ${status}${leads}${attempt.byProxy(url)}${words}`;
  return { stage: 'http', detail, facts: { status, ...facts } };
}

const STATUS_HINTS: Readonly<Record<number, string>> = {
  502: 'a proxy or balancer answers, and does not reach the server behind it',
  503: 'the service is down for now, or a proxy that does not reach it answers',
  504: 'a proxy or balancer answers, and does not reach the server behind it',
  511: 'a portal wants a login of this network',
};
