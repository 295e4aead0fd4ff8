/**
 * `npm run demo`: the whole loop on one machine, told in a few lines. Two small images that really run are pushed to a
 * private registry and exported as release 1 and 2, with the executable of ferry in the bundle; a folder stands for the
 * stick, which is laid out as a kit. The site, another folder, has no ferry: it installs the one on the stick, imports
 * with it into Docker (a private engine when none is reachable), runs a container of each release, and refuses a copy
 * that was tampered with. Every command is run as a person would type it. Ends with everything gone that it made.
 */
import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEngine } from '../test/support/engine.ts';
import { builtFerry } from '../test/support/executable.ts';
import { pushBusybox, startRegistry } from '../test/support/registry.ts';

const FERRY = fileURLToPath(new URL('./ferry', import.meta.url));
const MANIFEST = fileURLToPath(new URL('../manifests/demo.yaml', import.meta.url));
/** What the manifest says of the executable that travels: with the first release alone, the site has it then. */
const CARRIED = `ferry:
  - {from: ./ferry-linux-x64, platform: linux/amd64}
`;
/** Where the site's own ferry is, once it is installed. */
const INSTALLED = 'host/usr/bin/ferry';
const REGISTRY_NAME = 'registry.example:5000';

const FROM_END = 256 * 1024;

/** What must be undone at the end, last first. */
const cleanUps: (() => Promise<unknown>)[] = [];

/** Aborted by Ctrl-C: no further step begins, and what was made goes. */
const interruption = new AbortController();

interface Machine {
  /** The folder that all relative paths are in. */
  readonly dir: string;
  readonly registry: string;
  readonly env: NodeJS.ProcessEnv;
  docker(...args: string[]): Promise<string>;
}

interface Expectation {
  /** @default 0 */
  readonly status?: number;
  /** Which ferry is run, from the folder of the demo. @default that of this checkout */
  readonly program?: string;
}

function tell(text = ''): void {
  process.stdout.write(`${text}\n`);
}

function heading(text: string): void {
  tell(`\n— ${text}`);
}

/** Runs `ferry` as typed, shows the command and what it says. @throws when it ends in another way than expected */
function ferry(machine: Machine, args: readonly string[], expectation: Expectation = {}): Promise<string> {
  return command(machine, ['ferry', ...args], expectation);
}

/** The same with any program; `ferry` is the one of this checkout, unless another is meant. */
async function command(
  machine: Machine,
  [name = '', ...args]: readonly string[],
  { status = 0, program }: Expectation = {},
): Promise<string> {
  interruption.signal.throwIfAborted();
  tell(`\n$ ${[name, ...args].map((arg) => (arg.length === 64 ? `${arg.slice(0, 8)}…` : arg)).join(' ')}`);
  const path = program === undefined ? (name === 'ferry' ? FERRY : name) : join(machine.dir, program);
  const child = spawn(path, args, { cwd: machine.dir, env: machine.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      process.stdout.write(text);
    });
  }
  const ended = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (ended !== status) throw new Error(`${name} ${args[0]}: expected status ${status}, got ${ended}`);
  return said;
}

/** The engine that is reachable, or a private one. */
async function findEngine(): Promise<{ env: Record<string, string>; what: string; docker: Machine['docker'] }> {
  const docker = async (...args: string[]) => (await promisify(execFile)('docker', args)).stdout.trim();
  const version = await docker('version', '--format', '{{.Server.Version}}').catch(() => undefined);
  if (version) {
    cleanUps.push(() => removeImages(docker));
    return { env: {}, what: `the Docker Engine ${version} of this machine`, docker };
  }
  interruption.signal.throwIfAborted();
  const engine = await startEngine();
  cleanUps.push(() => engine.stop());
  const own = await engine.docker('version', '--format', '{{.Server.Version}}');
  return { env: { DOCKER_HOST: engine.host }, what: `a private Docker Engine ${own}`, docker: engine.docker };
}

async function setUp(): Promise<Machine> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-demo-'));
  cleanUps.push(() => rm(dir, { recursive: true, force: true }));
  await mkdir(join(dir, 'stick'));
  const registry = await startRegistry();
  cleanUps.push(() => registry.stop());
  const engine = await findEngine();
  tell('The whole loop on one machine, as a person types it. All that is made here goes at the end.');
  tell(`Taking part: ${engine.what}, a private registry at ${registry.host}, and a folder "stick".`);
  for (const release of ['1', '2']) {
    for (const name of ['app', 'worker']) {
      const files = { 'etc/motd': `${name} of release ${release}\n` };
      const config = { Cmd: ['/bin/cat', '/etc/motd'], Env: ['PATH=/bin'] };
      await pushBusybox(registry, { repository: `demo/${name}`, tag: release, files, config });
    }
  }
  await mkdir(join(dir, 'host/usr/bin'), { recursive: true });
  await copyFile(await builtFerry(), join(dir, 'ferry-linux-x64'));
  const manifest = await readFile(MANIFEST, 'utf8');
  await writeFile(join(dir, 'release-1.yaml'), `${manifest}${CARRIED}`);
  await writeFile(
    join(dir, 'release-2.yaml'),
    manifest.replace('release: "1"', 'release: "2"').replaceAll(/:1$/gm, ':2'),
  );
  const site = { FERRY_STATE: 'host/var/lib/ferry', FERRY_PREFIX: 'host' };
  const env = { ...process.env, ...engine.env, ...site, FERRY_WORKSPACE: 'office', NO_COLOR: '1' };
  return { dir, registry: registry.host, env, docker: engine.docker };
}

async function office(machine: Machine): Promise<string> {
  heading('The office: a workspace, a release, a stick with all that a site needs, and the sheet for paper.');
  await ferry(machine, ['init', 'office', '--product', 'demo', '--no-passphrase']);
  await exportRelease(machine, '1');
  await ferry(machine, ['kit', 'stick']);
  return ferry(machine, ['sheet', 'stick', '--out', 'sheet.html']);
}

async function exportRelease(machine: Machine, release: string): Promise<void> {
  const mirror = `${REGISTRY_NAME}=${machine.registry}`;
  await ferry(machine, ['export', `release-${release}.yaml`, '--out', 'stick', '--mirror', mirror]);
}

async function site(machine: Machine, sheet: string): Promise<void> {
  heading('The site, which has Docker and no ferry: compare with the paper, install the one on the stick, import.');
  const sum = await command(machine, ['sha256sum', 'stick/ferry-linux-x64']);
  const page = (await readFile(join(machine.dir, 'sheet.html'), 'utf8')).replaceAll(/<\/?b>/g, '');
  if (!page.includes(sum.slice(0, 64))) throw new Error('the sheet has other digits than sha256sum prints');
  await command(machine, ['install', '-m', '755', 'stick/ferry-linux-x64', INSTALLED]);
  const [fingerprint = ''] = /[0-9a-f]{64}/.exec(sheet) ?? [];
  await ferry(machine, ['import', 'stick', '--fingerprint', fingerprint], { program: INSTALLED });
  await run(machine, '1');
  heading('The second release: the engine has the shared layer, so it is neither read nor sent.');
  await exportRelease(machine, '2');
  await ferry(machine, ['kit', 'stick']);
  await ferry(machine, ['import', 'stick'], { program: INSTALLED });
  await run(machine, '2');
  await ferry(machine, ['status'], { program: INSTALLED });
}

async function run(machine: Machine, release: string): Promise<void> {
  for (const name of ['app', 'worker']) {
    const image = `${REGISTRY_NAME}/demo/${name}:${release}`;
    tell(`\n$ docker run --rm --network=none ${image}`);
    const said = await machine.docker('run', '--rm', '--network=none', image);
    tell(said);
    if (said !== `${name} of release ${release}`) throw new Error(`docker run ${image}: said "${said}"`);
  }
}

/** Flips one bit of a copy, so near to its end that it is in the layer of busybox. */
async function tamper(machine: Machine): Promise<void> {
  heading('A copy with one bit changed in a layer is refused, by verify and by import.');
  const [second = ''] = await bundles(machine);
  await mkdir(join(machine.dir, 'copy'));
  const path = join(machine.dir, 'copy', second);
  await copyFile(join(machine.dir, 'stick', second), path);
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, size - FROM_END);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, size - FROM_END);
  } finally {
    await file.close();
  }
  await ferry(machine, ['verify', `copy/${second}`], { status: 4, program: INSTALLED });
  await removeImages(machine.docker);
  await ferry(machine, ['import', `copy/${second}`], { status: 4, program: INSTALLED });
}

async function bundles(machine: Machine): Promise<string[]> {
  const names = await readdir(join(machine.dir, 'stick'));
  return names.filter((name) => name.endsWith('.ferry.tar')).toSorted();
}

/** Takes what the imports brought off the engine: containers that pin, then images. */
async function removeImages(docker: Machine['docker']): Promise<void> {
  const lines = async (...args: string[]) => (await docker(...args)).split('\n').filter(Boolean);
  const images = await lines('image', 'ls', '--quiet', '--no-trunc', '--filter', `reference=${REGISTRY_NAME}/demo/*`);
  for (const image of new Set(images)) {
    for (const pin of await lines('container', 'ls', '--all', '--quiet', '--filter', `ancestor=${image}`)) {
      await docker('container', 'rm', pin);
    }
    await docker('image', 'rm', '--force', image);
  }
}

async function demo(): Promise<void> {
  const started = performance.now();
  const machine = await setUp();
  const sheet = await office(machine);
  await site(machine, sheet);
  await tamper(machine);
  tell(`\nDone in ${((performance.now() - started) / 1000).toFixed(0)} s.`);
}

/** Whatever happened, all that was made goes. Answers whether it did. */
async function cleanUp(): Promise<boolean> {
  let isClean = true;
  for (let next = cleanUps.pop(); next; next = cleanUps.pop()) {
    await next().catch((error: unknown) => {
      isClean = false;
      process.stderr.write(`demo: clean up: ${error instanceof Error ? error.message : error}\n`);
    });
  }
  return isClean;
}

// The step that runs ends by itself: a terminal's Ctrl-C reaches its processes too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
const failure = await demo().then(
  () => undefined,
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
);
const isClean = await cleanUp();
// Judged last: a registry that Ctrl-C ended may be missed before the signal is heard here.
const isStopped = interruption.signal.aborted;
if (isStopped) process.stderr.write(`demo: stopped${isClean ? ', and all that it made is gone' : ''}\n`);
else if (failure !== undefined) process.stderr.write(`demo: error: ${failure}\n`);
process.exitCode = isStopped ? 130 : failure === undefined && isClean ? 0 : 1;
