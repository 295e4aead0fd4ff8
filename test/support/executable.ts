/**
 * The single executable of these sources, for tests. It is built when the sources have changed and kept in
 * `node_modules/.cache`, the last few of them; two test files that want it at once may each build it, and get the same.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { readBase } from '../../build/base.ts';
import { makeExecutable } from '../../build/executable.ts';
import { bundleScript, ROOT } from '../../build/script.ts';

const CACHE = join(ROOT, 'node_modules/.cache/ferry-built');
/** So many stay, and those of the last minutes: somebody may be running one. */
const KEPT = 3;
const RECENT_MS = 30 * 60_000;

const built = new Map<string | undefined, Promise<string>>();

/**
 * Path of `ferry-linux-x64` as `npm run build` makes it. Named so, in a folder of its own.
 * @param version the same sources under a version of another day
 */
export function builtFerry(version?: string): Promise<string> {
  const path = built.get(version) ?? findOrBuild(version);
  built.set(version, path);
  return path;
}

async function findOrBuild(version: string | undefined): Promise<string> {
  const script = withVersion((await bundleScript()).text, version);
  const making = await readFile(join(ROOT, 'build/executable.ts'));
  const key = createHash('sha256').update(script).update(making).digest('hex').slice(0, 16);
  const path = join(CACHE, key, 'ferry-linux-x64');
  if (!(await exists(path))) await makeExecutable({ script, base: await readBase('linux-x64'), path });
  await utimes(join(CACHE, key), new Date(), new Date());
  await dropOld();
  return path;
}

function withVersion(script: Uint8Array, version: string | undefined): Uint8Array {
  if (version === undefined) return script;
  const text = Buffer.from(script).toString();
  const changed = text.replace(/(name: "ferry",\s+version: )"[^"]+"/, `$1"${version}"`);
  if (changed === text) throw new Error('expected the version of package.json in the script');
  return Buffer.from(changed);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function dropOld(): Promise<void> {
  const folders = (await readdir(CACHE)).map(async (name) => {
    const path = join(CACHE, name);
    return { path, used: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0 };
  });
  const byUse = (await Promise.all(folders)).toSorted((a, b) => b.used - a.used);
  const old = byUse.slice(KEPT).filter(({ used }) => used < Date.now() - RECENT_MS);
  for (const { path } of old) await rm(path, { recursive: true, force: true });
}
