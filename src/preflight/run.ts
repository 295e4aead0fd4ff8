/**
 * All rows, asked at the same time, each with a limit: what answers, what does not, and what was not asked and why. However
 * many rows there are and whatever does not answer, it is over in less than ten seconds.
 */
import type { Engine } from '../docker/index.ts';
import { FerryError } from '../errors.ts';
import { runCheck } from './check.ts';
import { lookAtDockerDNS } from './docker-dns.ts';
import { HOST_ROWS, lookAtHost } from './host.ts';
import { lookInbound } from './inbound.ts';
import type { CheckContext, CheckOutcome } from './outcome.ts';
import { type PlannedRow, type PlanRowsOptions, planRows, type RequirementRow } from './rows.ts';
import type { Looked, SiteFacts } from './site.ts';

/** A row as it was found. */
export interface PreflightRow extends Omit<PlannedRow, 'targets' | 'why'> {
  /** null: it was not checked, and the result says why. Of a destination that an isolated site expects closed: it is. */
  readonly ok: boolean | null;
  /** One line: what answered, or what was expected and what was got. */
  readonly result: string;
  /** Milliseconds, whole. */
  readonly ms: number;
  readonly facts?: Readonly<Record<string, unknown>>;
}

export interface PreflightResult {
  /** Whether no required row has failed. */
  readonly ok: boolean;
  readonly airGapped: boolean;
  readonly rows: readonly PreflightRow[];
  readonly counts: {
    readonly ok: number;
    readonly failed: number;
    readonly unchecked: number;
    /** Failed ones that are required. */
    readonly missing: number;
  };
}

export interface PreflightOptions extends PlanRowsOptions {
  readonly requirements: readonly RequirementRow[];
  /** `timeoutMs` is the limit of one row; with more rows than are asked at once each has its share. */
  readonly context: CheckContext;
  readonly site: SiteFacts;
}

/** Rows that are asked at once. */
const PARALLEL = 64;
/** So that with the start of a process and its end all is over in ten seconds, where no longer limit is asked for. */
const ALL_MS = 7500;
/** What a check takes beyond its limit until it is over. */
const SLACK_MS = 250;

/** Asks everything. @throws the reason of the signal */
export async function runPreflight(options: PreflightOptions): Promise<PreflightResult> {
  const { requirements, airGapped, site } = options;
  const planned = [...planRows(requirements, options), ...(airGapped ? HOST_ROWS : [])].map(asRequired(airGapped));
  const context = { ...options.context, timeoutMs: limitFor(planned.length, options.context.timeoutMs) };
  const engine = lazily(() => connect(site, context));
  const rows: PreflightRow[] = [];
  const next = planned.entries();
  try {
    await Promise.all(
      Array.from({ length: Math.min(PARALLEL, planned.length) }, async () => {
        for (const [at, row] of next) rows[at] = await askRow(row, { site, context, engine });
      }),
    );
  } finally {
    void engine.begun?.then((found) => typeof found !== 'string' && found.close());
  }
  return { ...counted(rows), airGapped, rows };
}

/** On an isolated site DNS in the stack is needed, whatever a manifest says of it. */
function asRequired(airGapped: boolean): (row: PlannedRow) => PlannedRow {
  return (row) => (airGapped && row.direction === 'internal' ? { ...row, required: true } : row);
}

function limitFor(rows: number, timeoutMs: number): number {
  const turns = Math.max(1, Math.ceil(rows / PARALLEL));
  return turns === 1 ? timeoutMs : Math.min(timeoutMs, Math.max(500, Math.floor(ALL_MS / turns)));
}

function counted(rows: readonly PreflightRow[]): Pick<PreflightResult, 'ok' | 'counts'> {
  const count = (is: (row: PreflightRow) => boolean) => rows.filter(is).length;
  const missing = count(({ ok, required }) => required && ok === false);
  const counts = {
    ok: count(({ ok }) => ok === true),
    failed: count(({ ok }) => ok === false),
    unchecked: count(({ ok }) => ok === null),
    missing,
  };
  return { ok: missing === 0, counts };
}

interface Asking {
  readonly site: SiteFacts;
  readonly context: CheckContext;
  readonly engine: Lazy<Engine | string>;
}

async function askRow(row: PlannedRow, asking: Asking): Promise<PreflightRow> {
  const began = performance.now();
  const { ok, result, remedy, facts } = await look(row, asking);
  const { targets: _targets, why: _why, remedy: own, ...shown } = row;
  const advice = [remedy, own].filter((text) => text !== undefined);
  return {
    ...shown,
    ok,
    result,
    ms: Math.round(performance.now() - began),
    ...(ok === false && { remedy: sentences(advice.length > 0 ? advice : [usualRemedy(row)]) }),
    ...(facts !== undefined && { facts }),
  };
}

/** What usually causes it, then what the requirement says. */
function sentences(advice: readonly string[]): string {
  return advice.map((text) => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`).join(' ');
}

function usualRemedy({ direction, destination, at, port, protocol }: PlannedRow): string {
  if (direction !== 'outbound') return 'look at what the line names';
  return `let this host reach ${at ?? destination}, port ${port} (${protocol}), or set HTTPS_PROXY`;
}

async function look(row: PlannedRow, { site, context, engine }: Asking): Promise<Looked> {
  if (row.why !== undefined) return { ok: null, result: row.why };
  const { timeoutMs, now } = context;
  if (row.direction === 'inbound') return await lookInbound(row, { site, context });
  if (row.direction === 'host') return await lookAtHost(row.check, { site, now, engine: engine.get() });
  if (row.direction === 'internal') return await lookInside(await engine.get(), { site, timeoutMs });
  const outcomes = await Promise.all(row.targets.map((target) => runCheck(target, context)));
  return row.expected === 'closed' ? expectedClosed(outcomes) : together(row, outcomes);
}

async function lookInside(
  engine: Engine | string,
  { site, timeoutMs }: { readonly site: SiteFacts; readonly timeoutMs: number },
): Promise<Looked> {
  if (typeof engine === 'string') return { ok: null, result: `not asked: ${engine}` };
  try {
    return await lookAtDockerDNS({ engine, site, timeoutMs });
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    return { ok: null, result: `not asked: ${error.message}` };
  }
}

/** Of several destinations all must answer; the first that does not is told. */
function together({ targets }: PlannedRow, outcomes: readonly CheckOutcome[]): Looked {
  const failed = outcomes.findIndex(({ ok }) => !ok);
  const told = outcomes[Math.max(0, failed)];
  if (told === undefined) return { ok: null, result: 'nothing was asked' };
  const { ok, detail, hint, facts } = told;
  const isMany = outcomes.length > 1;
  const many = ok ? `all ${outcomes.length} names are found` : `${targets[failed]?.host}: ${detail}`;
  return {
    ok,
    result: isMany ? many : detail,
    ...(!ok && hint && { remedy: hint }),
    ...(facts && !isMany && { facts }),
  };
}

/** A packet that came back is a way out, whatever it said. */
const OPEN_STAGES = ['tls', 'http', 'protocol'];

function expectedClosed(outcomes: readonly CheckOutcome[]): Looked {
  const open = outcomes.find(({ ok, stage }) => ok || OPEN_STAGES.includes(stage));
  if (open !== undefined) {
    const remedy = 'if this host is meant to be isolated, look at its network: there is a way out';
    return { ok: false, result: `surprising: it answers (${open.detail})`, remedy };
  }
  return { ok: true, result: `closed, as expected (${outcomes[0]?.detail ?? 'nothing answers'})` };
}

interface Lazy<T> {
  get(): Promise<T>;
  /** What was begun, if anything was. */
  readonly begun: Promise<T> | undefined;
}

/** Begun by the first who asks. */
function lazily<T>(begin: () => Promise<T>): Lazy<T> {
  let begun: Promise<T> | undefined;
  return {
    get: () => {
      begun ??= begin();
      return begun;
    },
    get begun() {
      return begun;
    },
  };
}

/** The engine, or the line that says why not. One that answers late is let go of when it does. */
async function connect(site: SiteFacts, { timeoutMs }: CheckContext): Promise<Engine | string> {
  const connecting = site.connect().catch((error: unknown) => {
    if (error instanceof FerryError) return error.message;
    throw error;
  });
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => resolve('late'), timeoutMs - SLACK_MS);
  try {
    const first = await Promise.race([connecting, late]);
    if (first !== 'late') return first;
    void connecting.then((found) => typeof found !== 'string' && found.close());
    return `connect to the engine: expected an answer in ${timeoutMs / 1000} s, got none`;
  } finally {
    clearTimeout(timer);
  }
}
