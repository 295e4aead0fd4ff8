/** The releases that are installed while things go wrong: small, but with all that a release may do to a site. */

import type { Lab } from '../test/install/lab.ts';
import { busyboxImage, type TestEngine } from '../test/support/engine.ts';
import { makeImage, type TestImage } from '../test/support/images.ts';

/** Paths of the bundles on the medium. */
export interface Releases {
  readonly one: string;
  readonly two: string;
}

const SERVER = 'ghcr.io/atrium/server:1';
const WORKER = 'ghcr.io/atrium/worker:1';
const PROXY = 'ghcr.io/atrium/proxy:1';

/** `size` bytes of ballast make a layer that takes its time. */
export async function carryReleases(lab: Lab, size = 0): Promise<Releases> {
  const one = await lab.release({
    release: '1.0.0',
    images: [image(SERVER, 'one', size), image(WORKER, 'one', size)],
    ...COMPOSE,
    files: [
      ...filesOf('one'),
      composeFile([SERVER, WORKER]),
      { name: 'only-one.conf', text: 'one', install: '/etc/atrium/only-one.conf' },
      executable('0.1.0'),
    ],
    sites: { any: [siteFile('one')] },
  });
  // the server is new, the worker stays, the proxy comes; of the files one changes, one stays, one goes, one comes
  const two = await lab.release({
    release: '2.0.0',
    images: [image(SERVER, 'two', size), image(WORKER, 'one', size), image(PROXY, 'two', size)],
    ...COMPOSE,
    files: [
      ...filesOf('two'),
      composeFile([SERVER, WORKER, PROXY]),
      { name: 'only-two.conf', text: 'two', install: '/etc/atrium/only-two.conf' },
      executable('0.2.0'),
    ],
    sites: { any: [siteFile('two')] },
  });
  return { one: one.path, two: two.path };
}

/** What an operator had on the host before ferry came: an image of that name, running, and a file. */
export async function makeHost(engine: TestEngine): Promise<void> {
  await busyboxImage(engine, { name: SERVER, layers: [{ files: { own: 'found' } }] });
  await engine.docker('run', '-d', '--name', 'kiosk', '--network', 'none', SERVER, 'busybox', 'sleep', '1000000');
}

/** The file that was there: path below the prefix, content. */
export const FOUND = { path: 'etc/atrium/a.conf', text: 'a as the operator wrote it' } as const;

const COMPOSE = { fields: { compose: { project: 'atrium', file: 'compose.yaml' }, dataRollback: 'safe' } } as const;

/** A project that says within a moment that it is up, and ends at once. */
function composeFile(images: readonly string[]) {
  const services = images.map((image) => {
    const name = /([a-z]+):1$/.exec(image)?.[1] ?? '';
    const health = `{test: [CMD, busybox, test, -f, /own], interval: 100ms, timeout: 5s, retries: 50}`;
    const fields = [`image: ${image}`, 'network_mode: none', 'stop_signal: SIGKILL', `healthcheck: ${health}`];
    return `  ${name}:\n${fields.map((field) => `    ${field}\n`).join('')}    command: [busybox, sleep, '1000000']\n`;
  });
  const text = `version: '2.4'\nservices:\n${services.join('')}`;
  return { name: 'compose.yaml', text, install: '/etc/atrium/compose.yaml' };
}

function filesOf(text: string) {
  return [
    { name: 'a.conf', text: 'a', install: '/etc/atrium/a.conf', mode: '0640' },
    { name: 'b.conf', text: `b ${text}`, install: '/opt/atrium/deep/b.conf', mode: '0600' },
    { name: 'c.conf', text: `c ${text}`, install: '/etc/atrium/c.conf' },
  ];
}

/** A ferry that each release brings, as far as a trial asks. */
function executable(version: string) {
  const platform = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
  return { name: 'ferry-linux', text: `#!/bin/sh\necho ${version}\n`, mode: '0755', ferry: { version, platform } };
}

function siteFile(text: string) {
  return { name: 'licence.blob', text: `licence ${text}`, install: '/etc/atrium/licence.blob', role: 'license' };
}

function image(name: string, text: string, size: number): TestImage {
  const own = { files: { own: `${name} ${text}` } };
  if (size === 0) return makeImage({ name, busybox: true, layers: [own] });
  const ballast = Buffer.alloc(size, `${name} ${text}\n`);
  return makeImage({ name, busybox: true, layers: [{ files: { ballast }, compression: 'none' }, own] });
}
