/**
 * Makes `docs/sheet.png` (`node_modules/.bin/node build/pictures.ts`): the approval sheet as a browser shows it, from a
 * real one: a release of the demo's images and of the executables in `dist/`, exported by an office that is gone
 * afterwards. What is in it of the machine are a fingerprint and digests, nothing else.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { show, startBrowser } from '../test/support/browser.ts';
import { pushBusybox, startRegistry } from '../test/support/registry.ts';
import { ROOT } from './script.ts';

const PICTURE = join(ROOT, 'docs/sheet.png');
const DIST = join(ROOT, 'dist');
const PLATFORMS: Readonly<Record<string, string>> = {
  'ferry-linux-x64': 'linux/amd64',
  'ferry-linux-arm64': 'linux/arm64',
  'ferry-win-x64.exe': 'windows/amd64',
};
/** What a README should not be larger by. */
const MOST = 150_000;

const dir = await mkdtemp(join(tmpdir(), 'ferry-pictures-'));
try {
  await writeFile(PICTURE, await picture(await makeSheet()));
  const { size } = await stat(PICTURE);
  if (size > MOST) throw new Error(`expected at most ${MOST} bytes, got ${size}: ${PICTURE}`);
  process.stdout.write(`${PICTURE}: ${size} bytes\n`);
} finally {
  await rm(dir, { recursive: true, force: true });
}

/** The HTML of a sheet, by the commands that a person types. */
async function makeSheet(): Promise<string> {
  const registry = await startRegistry();
  try {
    for (const name of ['app', 'worker']) {
      await pushBusybox(registry, { repository: `demo/${name}`, tag: '1', files: { 'etc/motd': `${name}\n` } });
    }
    await writeFile(join(dir, 'demo.yaml'), await manifest());
    const mirror = `registry.example:5000=${registry.host}`;
    await ferry('init', 'office', '--product', 'demo', '--no-passphrase');
    await ferry('export', 'demo.yaml', '--out', 'stick', '--mirror', mirror);
    await ferry('sheet', 'stick', '--out', 'sheet.html');
    return await readFile(join(dir, 'sheet.html'), 'utf8');
  } finally {
    await registry.stop();
  }
}

async function manifest(): Promise<string> {
  const names = (await readdir(DIST)).filter((name) => name in PLATFORMS);
  if (names.length === 0) throw new Error('expected executables in dist/: `npm run build` makes them');
  for (const name of names) await copyFile(join(DIST, name), join(dir, name));
  const entries = names.map((name) => `  - {from: ./${name}, platform: ${PLATFORMS[name]}}\n`);
  return `${await readFile(join(ROOT, 'manifests/demo.yaml'), 'utf8')}ferry:\n${entries.join('')}`;
}

async function ferry(...args: readonly string[]): Promise<void> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: dir, FERRY_WORKSPACE: 'office' };
  await promisify(execFile)(join(ROOT, 'bin/ferry'), args, { cwd: dir, env });
}

/** A sheet of paper on a screen, in grey: colours would only make the file larger. */
async function picture(text: string): Promise<Buffer> {
  const browser = await startBrowser();
  try {
    const { page } = await show(browser, text);
    await page.setViewportSize({ width: 760, height: 400 });
    await page.addStyleTag({ content: 'body { padding: 24px 32px; } html { filter: grayscale(1); }' });
    return await page.screenshot({ fullPage: true });
  } finally {
    await browser.close();
  }
}
