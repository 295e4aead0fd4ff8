/**
 * Whether mail can be handed over: greeting, EHLO, STARTTLS (RFC 5321, RFC 3207) with a certificate that is good, EHLO
 * again, QUIT; on port 465 TLS comes first (RFC 8314). No login, no mail. SMTP knows no HTTP proxy, so none is used.
 */
import { openStraight, secure, trustStore } from '../../http/index.ts';
import { type Attempt, CheckFailure, type Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';
import { type Reply, SMTPDialogue } from './smtp-dialogue.ts';

export async function checkSMTP({ host, port, url }: CheckTarget, attempt: Attempt): Promise<Found> {
  const { socket } = await openStraight({ host, port }, attempt.way);
  const isTLSFirst = port === 465 || url?.startsWith('smtps:') === true;
  const shake = async (over: Parameters<typeof secure>[0]) => {
    const { now, signal, caPEM } = attempt;
    attempt.at('tls', `TLS with ${host} port ${port}`);
    const context = trustStore(caPEM === undefined ? {} : { caPEM });
    const { socket: secured, peer } = await secure(over, { host, port, context, now, signal, isHTTP: false });
    attempt.peer = peer;
    return secured;
  };
  const name = literalOf(socket.localAddress ?? '127.0.0.1');
  const said = (words: string) => attempt.at('protocol', `${words} ${host} port ${port}`);
  const dialogue = new SMTPDialogue(isTLSFirst ? await shake(socket) : socket);
  said('wait for the greeting of');
  expect(await dialogue.read(), 220, { host, step: 'the greeting' });
  said('say EHLO to');
  const offered = expect(await dialogue.ask(`EHLO ${name}`), 250, { host, step: 'EHLO' });
  if (isTLSFirst) return finish(dialogue, { host, port, attempt, how: 'TLS from the start' });
  if (!offered.lines.some((line) => /^STARTTLS\b/i.test(line))) return withoutTLS({ host, port, attempt });
  said('say STARTTLS to');
  expect(await dialogue.ask('STARTTLS'), 220, { host, step: 'STARTTLS' });
  if (dialogue.isAhead) throw saidAhead(host);
  const plain = dialogue.release();
  const secured = new SMTPDialogue(await shake(plain));
  said('say EHLO within TLS to');
  expect(await secured.ask(`EHLO ${name}`), 250, { host, step: 'EHLO within TLS' });
  return finish(secured, { host, port, attempt, how: 'STARTTLS' });
}

interface Met {
  readonly host: string;
  readonly port: number;
  readonly attempt: Attempt;
}

async function finish(dialogue: SMTPDialogue, { host, port, attempt, how }: Met & { how: string }): Promise<Found> {
  dialogue.end('QUIT');
  const { words, facts } = attempt.certificate();
  const detail = `${host} port ${port} takes mail, with ${how}${attempt.pastProxy(host, port)}${words}`;
  return { stage: 'protocol', detail, facts };
}

/** Between servers (port 25) plain mail is still usual; where people log in it is a fault (RFC 8314 §3). */
function withoutTLS({ host, port, attempt }: Met): Found {
  const hint =
    'passwords and mail would cross for all to read: have STARTTLS set up there, or use its port with TLS (465)';
  if (port !== 25) {
    const detail = `ask ${host} port ${port} for STARTTLS: expected it to be offered, got none`;
    throw new CheckFailure({ stage: 'protocol', detail, hint });
  }
  const detail = `${host} port ${port} takes mail, without STARTTLS${attempt.pastProxy(host, port)}`;
  return { stage: 'protocol', detail, hint };
}

function expect(reply: Reply, wanted: number, { host, step }: { host: string; step: string }): Reply {
  if (reply.code === wanted) return reply;
  const got = reply.code === undefined ? reply.problem : `${reply.code}`;
  const hint =
    reply.code === undefined
      ? 'is it a mail server, and its port the right one; 465 speaks TLS from the start'
      : 'the server says no: may this host hand in mail there';
  const detail = `${step} of ${host}: expected ${wanted}, got ${got}`;
  throw new CheckFailure({ stage: 'protocol', detail, hint, facts: { status: reply.code } });
}

function saidAhead(host: string): CheckFailure {
  return new CheckFailure({
    stage: 'protocol',
    detail: `STARTTLS of ${host}: expected TLS, got more words in the clear`,
    hint: 'somebody between adds to what the server says, or the server is broken',
  });
}

/** Who we are, by the address alone (RFC 5321 §4.1.3): the name of this host is nobody's concern. */
function literalOf(address: string): string {
  const plain = address.replace(/^::ffff:/, '').replace(/%.*$/, '');
  return plain.includes(':') ? `[IPv6:${plain}]` : `[${plain}]`;
}
