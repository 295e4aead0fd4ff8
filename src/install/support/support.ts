/**
 * The support folder: what somebody far away needs to see what happened at a site, as small JSON documents in a folder
 * for its owner alone. Contents of files are never in it, nor keys or licences; every text goes through the redactor. A
 * part that cannot be read says so and the rest is written.
 */

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ContentError, isErrno, parseJSON, writeAtomic } from '../../content/index.ts';
import type { Engine } from '../../docker/index.ts';
import { FerryError, messageOf } from '../../errors.ts';
import { findSiteIdentity } from '../../site/index.ts';
import { findState, type SiteStateReader } from '../../state/index.ts';
import { siteStatus } from '../status/status.ts';
import { listNames, readDisks, readEngine, readSystem } from './facts.ts';
import { type Redact, redactor, redactValue } from './redact.ts';
import { findSecrets } from './secrets.ts';

const AUDIT_LINES = 200;
const RELEASE_DOCUMENTS = ['receipt.json', 'installed.json', 'activation.json', 'activating.json'];

export interface SupportOptions {
  readonly stateDir: string;
  /** Where the folder is made; made itself when it is not there. */
  readonly outDir: string;
  readonly engine: () => Promise<Engine>;
  /** What stands before every installed path. @default what the receipt says */
  readonly prefix?: string | undefined;
  /** Of this ferry. */
  readonly version: string;
  /** More texts that are secret: what the environment holds. */
  readonly secrets: readonly string[];
  readonly now: Date;
}

export interface SupportResult {
  /** Path of the folder. */
  readonly dir: string;
  /** What is in it, sorted. */
  readonly files: readonly string[];
  /** Parts that could not be read, and why. */
  readonly warnings: readonly string[];
}

/**
 * Writes the folder `ferry-support-<site>-<time>`, and nothing else.
 * @throws {ContentError} `NAME_TAKEN`, `NO_SPACE`, `READ_ONLY`, `NOT_WRITABLE`; {StateError} when the state is another user's
 */
export async function writeSupport(options: SupportOptions): Promise<SupportResult> {
  const state = await findState(options.stateDir);
  const secrets = state === undefined ? [] : await findSecrets(state, options.prefix);
  const redact = redactor([...options.secrets, ...secrets]);
  const site = (state && (await attempt(() => findSiteIdentity(state))))?.site ?? 'unknown';
  const time = `${options.now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const dir = join(options.outDir, `ferry-support-${site}-${time}`);
  await makeOwnFolder(dir);
  const warnings: string[] = [];
  const files: string[] = [];
  for (const [name, read] of Object.entries(await partsOf(state, options))) {
    const value = await told(read, (why) => warnings.push(redact(`${name}: ${why}`)));
    if (value === undefined) continue;
    await write(join(dir, name), value, redact);
    files.push(name);
  }
  return { dir, files: files.toSorted(), warnings };
}

type Parts = Record<string, () => Promise<unknown>>;

/** By the name of the document. */
async function partsOf(state: SiteStateReader | undefined, options: SupportOptions): Promise<Parts> {
  const { stateDir, engine, prefix, now, version } = options;
  return {
    'versions.json': async () => ({ ferry: version, ...(await readSystem()), at: now.toISOString() }),
    'status.json': () => siteStatus({ stateDir, engine, prefix, now }),
    'engine.json': () => withEngine(engine, async (asked) => readEngine(asked, await findProject(state))),
    'disk.json': () => withEngine(engine, (asked) => disksOf(asked, options)).catch(() => disksOf(undefined, options)),
    ...(state === undefined ? {} : await stateParts(state)),
  };
}

async function stateParts(state: SiteStateReader): Promise<Parts> {
  const audit = async () => (await state.readAudit({ last: AUDIT_LINES })).map(parseLine);
  const parts: Parts = {
    'state-files.json': () => listNames(state.dir),
    'journal.json': async () => withoutCommands(await state.findJournal()),
    'audit.json': audit,
    'errors.json': async () => (await audit()).filter((line) => eventOf(line) === 'refusal'),
  };
  for (const sequence of [0, ...((await attempt(() => state.listReleases())) ?? [])]) {
    for (const name of RELEASE_DOCUMENTS) {
      parts[`releases/${sequence}/${name}`] = async () => {
        const bytes = await state.findReleaseFile(sequence, name);
        return bytes && parseJSON(bytes, name);
      };
    }
  }
  return parts;
}

function parseLine(line: string): unknown {
  try {
    return parseJSON(Buffer.from(line), 'audit line');
  } catch (error) {
    if (error instanceof FerryError) return line;
    throw error;
  }
}

function eventOf(line: unknown): unknown {
  return typeof line === 'object' && line !== null && 'event' in line ? line.event : undefined;
}

/** The operator's own commands stay here: their words may be anything. */
function withoutCommands(journal: Readonly<Record<string, unknown>> | undefined): unknown {
  if (journal === undefined || !Array.isArray(journal['steps'])) return journal;
  const steps = journal['steps'].map((step: { readonly data?: unknown }) => ({
    ...step,
    data: withoutWords(step.data),
  }));
  return { ...journal, steps };
}

function withoutWords(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(withoutWords);
  if (typeof data !== 'object' || data === null) return data;
  const fields = Object.entries(data).filter(([name]) => !['words', 'backup', 'restore'].includes(name));
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutWords(field)]));
}

async function findProject(state: SiteStateReader | undefined): Promise<string | undefined> {
  const current = await attempt(async () => state?.findCurrentRelease());
  if (current === undefined) return undefined;
  const { compose } = parseJSON(current.document, 'release.json') as { compose?: { project?: string } };
  return compose?.project;
}

function disksOf(engine: Engine | undefined, { stateDir, outDir, prefix = '/' }: SupportOptions): Promise<unknown> {
  const { dataRoot, local } = engine?.facts ?? {};
  return readDisks([stateDir, outDir, prefix, ...(local && dataRoot !== undefined ? [dataRoot] : [])]);
}

async function withEngine<T>(connect: () => Promise<Engine>, ask: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await connect();
  try {
    return await ask(engine);
  } finally {
    engine.close();
  }
}

/** What was read; or nothing, and somebody is told why. */
async function told(read: () => Promise<unknown>, tell: (why: string) => void): Promise<unknown> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FerryError) && !isErrno(error, 'EACCES', 'EIO', 'ENOENT', 'EISDIR', 'ENOTDIR')) throw error;
    tell(messageOf(error));
    return undefined;
  }
}

function attempt<T>(read: () => Promise<T>): Promise<T | undefined> {
  return told(read, () => {}) as Promise<T | undefined>;
}

async function write(path: string, value: unknown, redact: Redact): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // value by value, and then the whole: a secret may lie across
  const text = redact(JSON.stringify(redactValue(value, redact), null, 2));
  await writeAtomic(path, `${text}\n`, { mode: 0o600 });
}

/** A folder that was not there, for its owner alone whatever the umask. */
async function makeOwnFolder(dir: string): Promise<void> {
  await mkdir(dirname(dir), { recursive: true });
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (cause) {
    if (!isErrno(cause, 'EEXIST')) throw cause;
    throw new ContentError(`write ${dir}: expected a free name, got one that is taken`, { code: 'NAME_TAKEN', cause });
  }
}
