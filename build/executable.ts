/**
 * A single executable: the script as a blob of Node.js's own kind, put into a copy of Node.js. The blob holds text and
 * options and nothing of the machine that made it, so the same blob goes into the Node.js of every platform.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './script.ts';

const POSTJECT = join(ROOT, 'node_modules/postject/dist/cli.js');
/** The mark in Node.js that says whether a blob is there. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/**
 * What `bin/ferry` gives Node.js, and nothing from outside: the executable runs as root, and `NODE_OPTIONS` could load
 * anything into it. No code cache and no snapshot: they differ from build to build, and fit one platform.
 */
const OPTIONS = {
  disableExperimentalSEAWarning: true,
  useSnapshot: false,
  useCodeCache: false,
  execArgv: ['--max-semi-space-size=4', '--v8-pool-size=1'],
  execArgvExtension: 'none',
};

const run = promisify(execFile);

export interface ExecutableOptions {
  /** The program as one CommonJS file. */
  readonly script: Uint8Array;
  /** The Node.js that it is put into. */
  readonly base: Uint8Array;
  /** Where the executable appears, whole. */
  readonly path: string;
}

/** Makes an executable. */
export async function makeExecutable({ script, base, path }: ExecutableOptions): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-build-'));
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  try {
    const blob = await makeBlob(dir, script);
    await writeFile(partial, base);
    await chmod(partial, 0o755); // whatever the umask
    await run(process.execPath, [POSTJECT, partial, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', FUSE]);
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
    await rm(dir, { recursive: true, force: true });
  }
}

/** The paths are relative, since the blob keeps that of the script. */
async function makeBlob(dir: string, script: Uint8Array): Promise<string> {
  await writeFile(join(dir, 'ferry.cjs'), script);
  await writeFile(join(dir, 'sea.json'), JSON.stringify({ main: 'ferry.cjs', output: 'ferry.blob', ...OPTIONS }));
  await run(process.execPath, ['--experimental-sea-config', 'sea.json'], { cwd: dir });
  return join(dir, 'ferry.blob');
}
