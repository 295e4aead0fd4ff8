/**
 * The single executable of these sources, for tests. It is built when the sources have changed and kept in
 * `node_modules/.cache`, the last few of them; two test files that want it at once may each build it, and get the same.
 */
import { createHash } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { readBase } from '../../build/base.ts';
import { makeExecutable } from '../../build/executable.ts';
import { bundleScript, ROOT } from '../../build/script.ts';

const CACHE = join(ROOT, 'node_modules/.cache/ferry-built');
/** So many stay, and those of the last minutes: somebody may be running one. */
const KEPT = 3;
const RECENT_MS = 30 * 60_000;

let built: Promise<string> | undefined;

/** Path of `ferry-linux-x64` as `npm run build` makes it. Named so, in a folder of its own. */
export function builtFerry(): Promise<string> {
  built ??= findOrBuild();
  return built;
}

async function findOrBuild(): Promise<string> {
  const script = await bundleScript();
  const key = createHash('sha256').update(script).digest('hex').slice(0, 16);
  const path = join(CACHE, key, 'ferry-linux-x64');
  if (!(await exists(path))) await makeExecutable({ script, base: await readBase('linux-x64'), path });
  await utimes(join(CACHE, key), new Date(), new Date());
  await dropOld();
  return path;
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
