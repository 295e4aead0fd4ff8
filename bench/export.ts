/** Export against skopeo, against `docker pull` and `docker save`, and against parallel curl and openssl as the floor. */
import { mkdirSync, rmSync } from 'node:fs';
import type { PushedImage } from '../test/support/registry.ts';
import type { Command } from './measure.ts';
import { runInTurn } from './measure.ts';
import type { Setting } from './setting.ts';
import { writeManifest } from './setting.ts';
import type { Row } from './table.ts';

export async function benchExport(setting: Setting): Promise<Row[]> {
  const [ours, skopeo, floor] = await runInTurn([
    exportCommand(setting, 'large', [setting.large]),
    skopeoCommand(setting, [setting.large]),
    floorCommand(setting, setting.large),
  ]);
  const [stack, skopeos] = await runInTurn([
    exportCommand(setting, 'stack', setting.stack),
    skopeoCommand(setting, setting.stack),
  ]);
  // last, for it leaves the disk writing
  const [engine] = await runInTurn([pullAndSave(setting, setting.large)]);
  if (!ours || !skopeo || !floor || !engine || !stack || !skopeos) throw new Error('a measurement is missing');
  return [
    { what: 'export, one image: skopeo copy', ours: ours.seconds, theirs: skopeo.seconds, unit: 's', target: 0.7 },
    {
      what: 'export, four on one base: skopeo copy of each',
      ours: stack.seconds,
      theirs: skopeos.seconds,
      unit: 's',
      target: 0.5,
    },
    { what: 'export, one image: docker pull + save', ours: ours.seconds, theirs: engine.seconds, unit: 's' },
    {
      what: 'export, one image: curl and openssl in parallel',
      ours: ours.seconds,
      theirs: floor.seconds,
      unit: 's',
    },
    { what: 'export, one image: peak memory', ours: ours.peakMiB, unit: 'MiB', target: 160 },
  ];
}

/** Each run starts with neither bundle nor partial nor cache. */
function exportCommand(setting: Setting, name: string, images: readonly PushedImage[]): Command {
  const manifest = writeManifest(
    setting,
    name,
    images.map(({ reference }) => reference),
  );
  const out = setting.path('out', name);
  const before = async () => {
    rmSync(out, { recursive: true, force: true });
    for (const kept of ['cache', 'exports']) rmSync(setting.path('workspace', kept), { recursive: true, force: true });
    mkdirSync(out);
  };
  return { ...setting.ferry('export', manifest, '--out', out), before };
}

function skopeoCommand(setting: Setting, images: readonly PushedImage[]): Command {
  const out = setting.path('out', 'skopeo');
  const before = async () => {
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
  };
  const copies = images.map(
    ({ reference }, i) => `skopeo copy -q --src-tls-verify=false docker://${reference} oci-archive:${out}/${i}.tar`,
  );
  return { argv: ['sh', '-ec', copies.join('\n')], before };
}

/** The least that anybody must do: fetch, write and hash each layer, four at a time. */
function floorCommand(setting: Setting, image: PushedImage): Command {
  const [host, repository] = [setting.registry.host, 'bench/large'];
  const layers = image.platforms[0]?.layers ?? [];
  const fetches = layers.map(
    ({ descriptor }, i) =>
      `curl -s http://${host}/v2/${repository}/blobs/${descriptor.digest} | tee ${setting.path('out')}/floor${i} | openssl dgst -sha256 >/dev/null &`,
  );
  return { argv: ['sh', '-ec', [...fetches, 'wait'].join('\n')] };
}

function pullAndSave(setting: Setting, image: PushedImage): Command {
  const docker = `docker -H ${setting.engine.host}`;
  const before = () => setting.engine.docker('rmi', '-f', image.reference).catch(() => undefined);
  const script = `${docker} pull -q ${image.reference}; ${docker} save -o ${setting.path('out')}/save.tar ${image.reference}`;
  return { argv: ['sh', '-ec', script], before };
}
