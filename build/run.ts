/**
 * `npm run build`: the executables, completions, the manual page and the licences of what is in them, into `dist/`. Says
 * each with its SHA-256. What cannot be made is named, and the status is 1: nothing is left out without a word. `--only
 * PLATFORM` makes one of them, `--out DIR` puts all elsewhere, `--bases DIR` holds the packages of other platforms' Node.js.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { BASES, PLATFORMS, type Platform, readBase } from './base.ts';
import { makeExecutable } from './executable.ts';
import { noticesOf } from './notices.ts';
import { bundleScript, ROOT } from './script.ts';

/** What the executable prints about itself, and where it goes. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  'ferry.1': ['man'],
  'completion/ferry.bash': ['completion', 'bash'],
  'completion/_ferry': ['completion', 'zsh'],
  'completion/ferry.fish': ['completion', 'fish'],
};

const { values } = parseArgs({
  options: { only: { type: 'string' }, out: { type: 'string' }, bases: { type: 'string' } },
});
const out = resolve(values.out ?? join(ROOT, 'dist'));
const bases = resolve(values.bases ?? BASES);
const wanted = PLATFORMS.filter((platform) => values.only === undefined || platform === values.only);
if (wanted.length === 0) throw new Error(`--only: expected ${PLATFORMS.join(', ')}, got ${values.only}`);

const { text: script, packages } = await bundleScript();
for (const platform of wanted) await build(platform).catch((error: unknown) => leaveOut(platform, error));

async function build(platform: Platform): Promise<void> {
  const path = join(out, platform.startsWith('win-') ? `ferry-${platform}.exe` : `ferry-${platform}`);
  await makeExecutable({ script, base: await readBase(platform, bases), path });
  await tell(path);
  if (platform !== 'linux-x64') return;
  for (const [name, args] of Object.entries(PAGES)) await write(name, (await promisify(execFile)(path, args)).stdout);
  await write('NOTICES.txt', await noticesOf(packages));
}

async function write(name: string, text: string): Promise<void> {
  const path = join(out, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  await tell(path);
}

async function tell(path: string): Promise<void> {
  const sum = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  process.stdout.write(`${sum}  ${relative(process.cwd(), path)}\n`);
}

function leaveOut(platform: Platform, error: unknown): void {
  process.stderr.write(`build: left out ferry-${platform}: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
