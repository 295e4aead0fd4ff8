// Which files bring the former containers up again: what Compose wrote on them is believed where the files are there.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineContainer } from '../../src/docker/index.ts';
import { containersBefore } from '../../src/install/activation/containers-before.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-before-'));
  await mkdir(join(dir, 'etc/atrium/sub'), { recursive: true });
  for (const name of ['compose.yaml', 'sub/more.yaml']) await writeFile(join(dir, 'etc/atrium', name), '');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A container of the service `web` as Compose v1 or v2 labels it. */
function container(files: string, more: Partial<EngineContainer> = {}): EngineContainer {
  const labels = {
    'com.docker.compose.project': 'atrium',
    'com.docker.compose.service': 'web',
    'com.docker.compose.project.config_files': files,
    'com.docker.compose.project.working_dir': join(dir, 'etc/atrium'),
  };
  return {
    id: 'a1',
    name: 'atrium_web_1',
    image: 'x',
    imageID: 'y',
    state: 'running',
    labels,
    ...more,
  } as EngineContainer;
}

const FALLBACK = ['/as/released.yaml'];
const filesOf = async (...all: EngineContainer[]) => (await containersBefore(all, 'atrium', FALLBACK)).files;

describe('containersBefore', () => {
  it('takes whole paths as Compose v2 writes them', async () => {
    const files = [join(dir, 'etc/atrium/compose.yaml'), join(dir, 'etc/atrium/sub/more.yaml')];
    expect(await filesOf(container(files.join(',')))).toEqual(files);
  });

  it.each([
    ['in their folder', 'compose.yaml,sub/more.yaml', ['compose.yaml', 'sub/more.yaml']],
    ['in a folder above it', 'etc/atrium/compose.yaml', ['compose.yaml']],
    ['in a folder beside it', '../atrium/compose.yaml', ['compose.yaml']],
  ])('finds what was typed to Compose v1 %s', async (_where, typed, files) => {
    expect(await filesOf(container(typed))).toEqual(files.map((file) => join(dir, 'etc/atrium', file)));
  });

  it('takes the files of the release where those of the containers are not there', async () => {
    expect(await filesOf(container('elsewhere/gone.yaml'))).toEqual(FALLBACK);
    expect(await filesOf(container('/gone/compose.yaml'))).toEqual(FALLBACK);
  });

  it('takes the files of the release where containers do not agree, or none runs', async () => {
    expect(await filesOf(container('compose.yaml'), container('sub/more.yaml', { id: 'b2' }))).toEqual(FALLBACK);
    expect(await filesOf(container('compose.yaml', { state: 'exited' }))).toEqual(FALLBACK);
  });
});
