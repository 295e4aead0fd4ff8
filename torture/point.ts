/** Where ferry is killed: at one of its calls to the engine or to the file system, counted in an undisturbed run, or at a time. */
import { setTimeout as delay } from 'node:timers/promises';
import type { TrapMoment } from '../test/support/engine-proxy.ts';
import {
  type FileCall,
  type KilledRun,
  startFerryGroup,
  startKilledAt,
  traceFileCalls,
} from '../test/support/killed-ferry.ts';
import type { TortureSite } from './site.ts';

export type Point = EnginePoint | FilePoint | TimePoint;

interface EnginePoint {
  readonly kind: 'engine';
  readonly at: number;
  readonly when: TrapMoment;
  readonly label: string;
}

interface FilePoint {
  readonly kind: 'journal' | 'file';
  readonly call: FileCall;
  readonly label: string;
}

interface TimePoint {
  readonly kind: 'time';
  /** Milliseconds after the start. */
  readonly after: number;
  readonly label: string;
}

/** Runs a command and kills it at a point; one that ends before that is not killed. */
export async function strikeAt(point: Point, site: TortureSite, args: readonly string[]): Promise<KilledRun> {
  site.proxy.arm();
  if ('call' in point) return startKilledAt(point.call, args, site.env).ended;
  if (point.kind === 'engine') {
    site.proxy.arm({ ...point, spring: () => group.kill() });
    const group = startFerryGroup(args, { env: site.env });
    return group.ended;
  }
  const group = startFerryGroup(args, { env: site.env });
  const enough = new AbortController();
  const killing = delay(point.after, undefined, { signal: enough.signal }).then(group.kill, () => undefined);
  const ran = await group.ended;
  enough.abort();
  await killing;
  return ran;
}

/** The points of a command, in order, from two runs of it. @param begin puts the site back to where it starts */
export async function listPoints(
  site: TortureSite,
  args: readonly string[],
  begin: () => Promise<void>,
): Promise<readonly Point[]> {
  await begin();
  await site.ferry(...args);
  const engine = site.proxy.calls.flatMap((call, at) => enginePoints(call, at + 1));
  await begin();
  site.proxy.arm();
  const { ran, calls } = await traceFileCalls(args, { env: site.env, log: site.path('trace') });
  if (ran.status !== 0) throw new Error(`trace ferry ${args.join(' ')}: status ${ran.status}: ${ran.stderr}`);
  return [...engine, ...calls.map(filePoint)];
}

/** A call that only asks leaves nothing behind that was not there before. */
function enginePoints(call: string, at: number): EnginePoint[] {
  const moments: TrapMoment[] = /^(GET|HEAD) /.test(call) ? ['before'] : ['before', 'after'];
  if (call === 'POST /images/load') moments.splice(1, 0, 'during');
  return moments.map((when) => ({ kind: 'engine', at, when, label: `${when} engine call ${at}, ${call}` }));
}

function filePoint(call: FileCall): FilePoint {
  const kind = call.line.includes('/journal.json') || call.line.includes('/.journal.json') ? 'journal' : 'file';
  return { kind, call, label: `at ${call.name} ${call.at}: ${call.line}` };
}
