/**
 * One check under way: how far it is, whom it has met, and the end of its time. A check says what it expected by
 * throwing {@link CheckFailure}; what the rooms below throw is put into words by failure.ts.
 */
import {
  type Environment,
  exchange,
  findProxy,
  type HTTPClient,
  type HTTPRequest,
  type HTTPResponse,
  openExchange,
  type Peer,
  type WayOptions,
} from '../http/index.ts';
import type { CheckContext, CheckOutcome, CheckStage } from './outcome.ts';

/** What a check found when all is well. */
export interface Found {
  /** One line. */
  readonly detail: string;
  readonly stage: CheckStage;
  readonly hint?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** An expectation that was not met. */
export class CheckFailure extends Error {
  readonly outcome: Omit<CheckOutcome, 'ok' | 'ms'>;

  constructor(outcome: Omit<CheckOutcome, 'ok' | 'ms'>) {
    super(outcome.detail);
    this.name = 'CheckFailure';
    this.outcome = outcome;
  }
}

/** What a check works with. */
export class Attempt {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly now: Date;
  readonly caPEM: string | undefined;
  /** Where it is: for the words when the time is over. */
  stage: CheckStage = 'dns';
  doing = 'begin';
  /** The last server whose certificate was good. */
  peer: Peer | undefined;

  constructor({ env, now, caPEM }: CheckContext, signal: AbortSignal) {
    this.env = env;
    this.now = now;
    this.caPEM = caPEM;
    this.signal = signal;
  }

  /** Says what is begun now: `wait for the greeting of mail.test`. */
  at(stage: CheckStage, doing: string): void {
    this.stage = stage;
    this.doing = doing;
  }

  /** How ways are made for this check: through the proxies of the environment. */
  get way(): WayOptions {
    const { env, now, signal, caPEM } = this;
    return {
      ...{ env, now, signal },
      ...(caPEM === undefined ? {} : { caPEM }),
      onStage: (stage, doing) => this.at(stage, doing),
      onPeer: (peer) => {
        this.peer = peer;
      },
    };
  }

  /** One request, one connection. */
  send(url: URL, request: HTTPRequest = {}): Promise<HTTPResponse> {
    return exchange(url, request, this.way);
  }

  /** The same as a client. */
  get client(): HTTPClient {
    return openExchange(this.way);
  }

  /** `, by the proxy p.test:3128` for what goes through one. */
  byProxy(url: URL): string {
    const proxy = findProxy(url, this.env);
    return proxy === undefined ? '' : `, by the proxy ${proxy.host}`;
  }

  /** `, straight: no proxy is used for this` where HTTP would go through one. */
  pastProxy(host: string, port: number): string {
    const name = host.includes(':') ? `[${host}]` : host;
    const isProxied = findProxy(new URL(`https://${name}:${port}`), this.env) !== undefined;
    return isProxied ? ', straight: this does not go by the proxy' : '';
  }

  /** `; certificate by R10 until 2026-12-01`, and what of it is fact. */
  certificate(): { readonly words: string; readonly facts: Readonly<Record<string, unknown>> } {
    const { peer } = this;
    if (peer === undefined) return { words: '', facts: {} };
    const { issuer, names, protocol } = peer;
    const notAfter = peer.notAfter.toISOString();
    const words = `; certificate by "${issuer}" until ${notAfter.slice(0, 10)}`;
    return { words, facts: { issuer, notAfter, names, protocol } };
  }
}
