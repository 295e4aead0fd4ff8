/** Import against `docker load`: cold, of an update, and of what is already there. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { PushedImage } from '../test/support/registry.ts';
import type { Command } from './measure.ts';
import { runInTurn } from './measure.ts';
import type { Setting } from './setting.ts';
import { exportOnce } from './setting.ts';
import type { Row } from './table.ts';

export async function benchImport(setting: Setting): Promise<Row[]> {
  const first = exportOnce(setting, 'first', [setting.large.reference]);
  const second = exportOnce(setting, 'second', [setting.update.reference]);
  await trust(setting);
  const saved = await saveOnce(setting);
  const thin = thinTar(setting, setting.update);
  const clear = () => empty(setting);
  const again = () => undefined;
  const [cold, load, synced, save] = await runInTurn([
    importCommand(setting, first, clear),
    dockerCommand(setting, `load -i ${first}`, clear),
    dockerCommand(setting, `load -i ${first}; sync`, clear),
    {
      argv: [
        'sh',
        '-ec',
        `cd ${dirname(saved)}; sha256sum -c --quiet SUM; docker -H ${setting.engine.host} load -i ${saved}`,
      ],
      before: clear,
    },
  ]);
  const [update, changed] = await runInTurn([
    importCommand(setting, second, () => withFirst(setting, first)),
    dockerCommand(setting, `load -i ${thin}`, () => withFirst(setting, first)),
  ]);
  await withFirst(setting, first);
  const [same] = await runInTurn([importCommand(setting, first, again)]);
  if (!cold || !load || !synced || !save || !update || !changed || !same) throw new Error('a measurement is missing');
  return [
    {
      what: 'import, cold: docker load of the same blobs',
      ours: cold.seconds,
      theirs: load.seconds,
      unit: 's',
      target: 1.05,
    },
    // what is said to be done has reached the disk: of docker load that is not so
    { what: 'import, cold: docker load, then sync', ours: cold.seconds, theirs: synced.seconds, unit: 's' },
    {
      what: 'import, cold: sha256sum -c && docker load of docker save',
      ours: cold.seconds,
      theirs: save.seconds,
      unit: 's',
      target: 0.9,
    },
    {
      what: 'import, one layer changed: docker load of that layer',
      ours: update.seconds,
      theirs: changed.seconds,
      unit: 's',
      target: 1,
      allowance: 0.5,
    },
    { what: 'import, the same bundle again', ours: same.seconds, unit: 's', target: 0.7 },
    { what: 'import, cold: peak memory', ours: cold.peakMiB, unit: 'MiB' },
  ];
}

const importCommand = (setting: Setting, bundle: string, before: Command['before']): Command => ({
  ...setting.ferry('import', bundle, '--yes', '--allow-downgrade', '--reason', 'bench'),
  ...(before ? { before } : {}),
});

const dockerCommand = (setting: Setting, command: string, before: NonNullable<Command['before']>): Command => ({
  argv: ['sh', '-ec', `docker -H ${setting.engine.host} ${command}`],
  before,
});

async function trust(setting: Setting): Promise<void> {
  run(setting.ferry('trust', setting.path('workspace', 'root.json'), '--yes'));
}

function run({ argv, env }: Command): void {
  const [file, ...args] = argv as [string, ...string[]];
  execFileSync(file, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
}

/** An engine without images, and a site that has never imported. */
async function empty(setting: Setting): Promise<void> {
  await setting.engine.docker('system', 'prune', '-af');
  rmSync(setting.path('state', 'releases'), { recursive: true, force: true });
}

async function withFirst(setting: Setting, first: string): Promise<void> {
  await empty(setting);
  run(importCommand(setting, first, undefined));
}

async function saveOnce(setting: Setting): Promise<string> {
  mkdirSync(setting.path('saved'));
  const path = setting.path('saved', 'save.tar');
  await setting.engine.docker('pull', '-q', setting.large.reference);
  await setting.engine.docker('save', '-o', path, setting.large.reference);
  execFileSync('sh', ['-ec', `cd ${dirname(path)}; sha256sum save.tar >SUM`]);
  return path;
}

/** The smallest tar that updates an engine which has the other layers: manifest.json, config, the last layer. */
function thinTar(setting: Setting, image: PushedImage): string {
  const folder = setting.path('thin');
  mkdirSync(folder);
  const platform = image.platforms[0];
  const last = platform?.layers.at(-1);
  if (!platform || !last) throw new Error('the update has no layers');
  writeFileSync(`${folder}/config.json`, platform.config.bytes);
  writeFileSync(`${folder}/last`, last.bytes);
  const Layers = platform.layers.map((layer) => (layer === last ? 'last' : layer.descriptor.digest.slice(7)));
  const manifest = [{ Config: 'config.json', RepoTags: [image.reference], Layers }];
  writeFileSync(`${folder}/manifest.json`, JSON.stringify(manifest));
  execFileSync('tar', ['-cf', `${folder}.tar`, '-C', folder, 'manifest.json', 'config.json', 'last']);
  return `${folder}.tar`;
}
