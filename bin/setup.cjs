/*
 * Makes a fresh checkout ready; npm runs it before the scripts that need it. Plain JavaScript, since the Node.js of the
 * machine may be 18: installs the packages when they are missing or not those of package-lock.json and, with `--system`
 * (everything the tests use) or `--system=demo`, Debian's programs. Says nothing when there is nothing to do.
 * No system service is started: the tests and the demo start private ones and end them.
 */
'use strict';

const { spawnSync } = require('node:child_process');
const {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} = require('node:fs');
const { delimiter, dirname, join } = require('node:path');

const ROOT = join(__dirname, '..');

/** Program → Debian package. The demo needs the first few, the tests all of them. */
const DEMO = {
  dockerd: 'docker.io',
  docker: 'docker.io',
  'docker-registry': 'docker-registry',
  busybox: 'busybox-static',
};
const ALL = {
  ...DEMO,
  ctr: 'containerd',
  iptables: 'iptables',
  pigz: 'pigz',
  skopeo: 'skopeo',
  umoci: 'umoci',
  podman: 'podman',
  'docker-compose': 'docker-compose',
  age: 'age',
  strace: 'strace',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  openssl: 'openssl',
  curl: 'curl',
  'mkfs.vfat': 'dosfstools',
  fusefat: 'fusefat',
  'update-ca-certificates': 'ca-certificates',
  debootstrap: 'debootstrap',
  groff: 'groff-base',
  zsh: 'zsh',
  fish: 'fish',
  chromium: 'chromium',
  pdfinfo: 'poppler-utils',
  nginx: 'nginx-light',
  caddy: 'caddy',
  squid: 'squid',
  exim4: 'exim4-daemon-light',
};

/** A minimal Debian as a tar, in which the suite runs the executable: the tests themselves talk to nobody outside. */
const MINIMAL = { suite: 'bookworm', tar: '/var/cache/ferry-tests/minimal-debian.tar' };

/** An administrator's folder is not in everybody's PATH. */
const FOLDERS = [...(process.env.PATH || '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

/** Runs a program; what it says goes to stderr, so that stdout stays the script's own, or is `kept` and shown if it fails. */
function run(program, args, { env, kept } = {}) {
  const done = spawnSync(program, args, {
    cwd: ROOT,
    stdio: ['ignore', kept ? 'pipe' : 2, kept ? 'pipe' : 2],
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  const status = done.error ? 127 : done.status === null ? 130 : done.status;
  if (kept && status !== 0) process.stderr.write(`${done.stdout || ''}${done.stderr || ''}`);
  return status;
}

/** The demo's images hold nothing but busybox, so it has to be the static one. */
function isMissing(program) {
  if (!isInstalled(program)) return true;
  if (program !== 'busybox' || !isInstalled('dpkg-query')) return false;
  return spawnSync('dpkg-query', ['-W', 'busybox-static'], { stdio: 'ignore' }).status !== 0;
}

function isInstalled(program) {
  return FOLDERS.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * npm writes node_modules/.package-lock.json last, so what it lists is whole. Compared by content, since a checkout sets
 * times as it likes; packages for other platforms are in the one and not in the other.
 */
function hasPackages() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed) || !existsSync(join(ROOT, 'node_modules', '.bin', 'node'))) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.keys(wanted).every((path) => {
    if (path === '') return true;
    if (!present[path]) return wanted[path].optional === true;
    return wanted[path].version === present[path].version;
  });
}

function installPackages() {
  say('installing the packages of package-lock.json');
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  // Started by npm: the same npm, under the Node.js that it runs on, not under the one in node_modules that it replaces.
  const npm = process.env.npm_execpath;
  const status = npm ? run(process.env.npm_node_execpath || process.execPath, [npm, ...args]) : run('npm', args);
  if (status !== 0) say('npm ci failed: a connection to the package registry is needed once');
  return status;
}

/** Newer Debian has Docker's client in a package of its own. */
function packageOf(program, programs) {
  if (program !== 'docker') return programs[program];
  return spawnSync('apt-cache', ['show', 'docker-cli'], { stdio: 'ignore' }).status === 0 ? 'docker-cli' : 'docker.io';
}

/** Runs `install` while Debian's own switch keeps packages from starting their services; an existing switch is left alone. */
function withoutServices(install) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return install();
  // With a handler an interrupt ends apt-get alone, and the switch is put back.
  process.on('SIGINT', () => undefined);
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return install();
  } finally {
    rmSync(policy, { force: true });
  }
}

function installSystem(programs) {
  const missing = Object.keys(programs).filter(isMissing);
  if (missing.length === 0) return 0;
  const canInstall = existsSync('/etc/debian_version') && isInstalled('apt-get');
  // nothing of the machine gives way for a test: not another mail server either
  const apt = ['install', '-y', '--no-remove', '--no-install-recommends'];
  if (!canInstall || !process.getuid || process.getuid() !== 0) {
    const packages = [...new Set(missing.map((program) => programs[program]))].join(' ');
    say(
      `missing: ${missing.join(', ')}; ${canInstall ? 'run: sudo apt-get' : 'on Debian: apt-get'} ${apt.join(' ')} ${packages}`,
    );
    return 1;
  }
  say(`installing for ${missing.join(', ')} (no service is started)`);
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, kept: true };
  return withoutServices(() => {
    const updated = run('apt-get', ['update', '-q'], options);
    const packages = [...new Set(missing.map((program) => packageOf(program, programs)))];
    const status = run('apt-get', [...apt, '-q', ...packages], options);
    if (status !== 0) say(`apt-get ${updated === 0 ? 'install' : 'update'} failed`);
    return status;
  });
}

/** The mirror that apt-get uses. */
function mirrorOf(suite) {
  const asked = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian'];
  const find = (more) => String(spawnSync('apt-get', [...asked, ...more]).stdout || '').split('\n')[0];
  return find([`Codename: ${suite}`]) || find([]);
}

/** Once. Without it one test file fails, and says so. */
function makeMinimal({ suite, tar }) {
  if (existsSync(tar) || !process.getuid || process.getuid() !== 0) return;
  say('making a minimal Debian for the tests');
  const partial = `${tar}.${process.pid}`;
  const root = `${partial}.d`;
  mkdirSync(dirname(tar), { recursive: true });
  // a mount name space of its own: the /proc that debootstrap mounts goes with it
  const alone = ['--mount', '--propagation=private'];
  const made = ['debootstrap', '--variant=minbase', suite, root, mirrorOf(suite)].filter(Boolean);
  const status =
    run('unshare', [...alone, ...made], { kept: true }) ||
    run('tar', ['-cf', partial, '-C', root, '--exclude=./var/cache/apt/archives/*.deb', '.'], { kept: true });
  rmSync(root, { recursive: true, force: true });
  if (status === 0) return renameSync(partial, tar);
  rmSync(partial, { force: true });
  say('debootstrap failed: a connection to the mirror of apt-get is needed once');
}

function main(args) {
  const packages = hasPackages() ? 0 : installPackages();
  if (packages !== 0) return packages;
  if (args.includes('--system=demo')) return installSystem(DEMO);
  if (!args.includes('--system')) return 0;
  const status = installSystem(ALL);
  if (status === 0) makeMinimal(MINIMAL);
  return status;
}

process.exitCode = main(process.argv.slice(2));
