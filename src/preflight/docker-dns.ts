/**
 * Docker's own DNS, asked where it matters: inside of a running container of the stack, for the name of a service. Which
 * program asks depends on what the image has; one that has none cannot be asked, and is not counted against it.
 */
import { type Engine, type ProjectContainer, projectContainers } from '../docker/index.ts';
import { FerryError } from '../errors.ts';
import type { Looked, SiteFacts } from './site.ts';

/** More containers than these are not asked: one that answers is enough. */
const MAX_ASKED = 4;
const NO_PROGRAM = [126, 127];
const ADDRESS = /(?:^|\s)(\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]+)(?=\s|$)/im;

/** Ways to ask, the best first. */
const WAYS: readonly {
  readonly words: (name: string) => readonly string[];
  readonly read: (text: string) => string;
}[] = [
  { words: (name) => ['getent', 'hosts', name], read: (text) => text },
  ...['nslookup', '/bin/busybox nslookup'].map((program) => ({
    words: (name: string) => [...program.split(' '), name],
    // before the answer stands the server that was asked
    read: (text: string) => /\bName:[^\n]*\n(?<answer>[\s\S]*)$/.exec(text)?.groups?.['answer'] ?? '',
  })),
];

export interface DockerDNSOptions {
  readonly engine: Engine;
  readonly site: Pick<SiteFacts, 'project' | 'isInstalled'>;
  readonly timeoutMs: number;
}

/** Asks the containers in turn until one says something. */
export async function lookAtDockerDNS({ engine, site, timeoutMs }: DockerDNSOptions): Promise<Looked> {
  if (site.project === undefined) return notAsked('no compose project is known here');
  const all = projectContainers(await engine.containers(), site.project);
  const running = all.filter(
    ({ state, networkMode }) => state === 'running' && !/^(?:host|none|default|bridge|container:.*)$/.test(networkMode),
  );
  if (running.length === 0) return notAsked(`no container of ${site.project} runs on a network of its own`);
  const end = performance.now() + timeoutMs;
  for (const container of running.slice(0, MAX_ASKED)) {
    const looked = await ask(engine, { container, name: nameToAsk(container, running), end });
    if (looked !== undefined) return looked;
  }
  return notAsked('no container of the stack has getent or nslookup');
}

function notAsked(why: string): Looked {
  return { ok: null, result: `not asked: ${why}` };
}

/** A neighbour on the same network; where it is alone, itself. */
function nameToAsk({ service, networkMode }: ProjectContainer, running: readonly ProjectContainer[]): string {
  const neighbour = running.find((other) => other.service !== service && other.networkMode === networkMode);
  return neighbour?.service ?? service;
}

interface AskOptions {
  readonly container: ProjectContainer;
  readonly name: string;
  readonly end: number;
}

/** @returns nothing where the container has no program that asks */
async function ask(engine: Engine, { container, name, end }: AskOptions): Promise<Looked | undefined> {
  for (const { words, read } of WAYS) {
    const timeoutMs = Math.max(1, Math.round(end - performance.now()));
    const found = await run(engine, { id: container.id, words: words(name), timeoutMs });
    if (found === undefined) continue;
    if (typeof found === 'string') return failed(`${container.name} asked for ${name}: ${found}`);
    const [, address] = ADDRESS.exec(read(found.output)) ?? [];
    if (address === undefined) return failed(`${container.name} asked for ${name}: expected an address, got none`);
    return { ok: true, result: `${container.name} finds ${name} at ${address}`, facts: { name, address } };
  }
  return undefined;
}

function failed(result: string): Looked {
  return { ok: false, result };
}

interface RunOptions {
  readonly id: string;
  readonly words: readonly string[];
  readonly timeoutMs: number;
}

/** What it printed; why it did not, as text; nothing where there is no such program. */
async function run(
  engine: Engine,
  { id, words, timeoutMs }: RunOptions,
): Promise<{ readonly output: string } | string | undefined> {
  try {
    const ended = await engine.execInContainer(id, words, { timeoutMs });
    return NO_PROGRAM.includes(ended.exitCode) ? undefined : ended;
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    // newer engines say so before they start anything
    if (/executable file not found|no such file or directory/i.test(error.message)) return undefined;
    return error.message;
  }
}
