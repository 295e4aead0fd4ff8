/** Licences for a fleet: what an overlay a site costs, beside `age` called once for each. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { openWorkspace } from '../src/workspace/index.ts';
import { newFleet } from '../test/support/fleet.ts';
import { runInTurn } from './measure.ts';
import type { Setting } from './setting.ts';
import type { Row } from './table.ts';

const SITES = 200;

export async function benchFleet(setting: Setting): Promise<Row[]> {
  const names = Array.from({ length: SITES }, (_, i) => `plant ${i + 1}`);
  const workspace = await openWorkspace(setting.path('workspace'), { now: new Date() });
  const sites = await newFleet(workspace, names, { product: 'bench' });
  const paths = { manifest: setting.path('fleet-release.yaml'), fleet: setting.path('fleet.yaml') };
  writeFileSync(
    paths.manifest,
    "product: bench\nrelease: '1'\nplatforms: [linux/amd64]\nimages: ['127.0.0.1:1/none:1']\nlicense: {from: ./license.blob, install: /etc/bench/license.blob}\n",
  );
  writeFileSync(paths.fleet, `sites:\n${sites.map(({ site }) => `  - {site: '${site}'}\n`).join('')}`);
  const out = setting.path('out', 'fleet');
  const clear = async () => {
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
    writeFileSync(setting.path('license.blob'), `a licence of ${performance.now()}`);
  };
  const seal = sites.map(
    ({ site, age }) => `age -r ${age.recipient} -o ${out}/${site}.age ${setting.path('license.blob')}`,
  );
  const command = setting.ferry('export', paths.manifest, '--out', out, '--fleet', paths.fleet, '--only-site-files');
  const [ours, age] = await runInTurn([
    { ...command, before: clear },
    { argv: ['sh', '-ec', seal.join('\n')], before: clear },
  ]);
  await clear();
  const [same] = await runInTurn([command]);
  if (!ours || !age || !same) throw new Error('a measurement is missing');
  return [
    {
      what: `licences of ${SITES} sites, sealed and signed: age of each`,
      ours: ours.seconds,
      theirs: age.seconds,
      unit: 's',
    },
    { what: `the same ${SITES} again`, ours: same.seconds, unit: 's' },
    { what: `licences of ${SITES} sites: peak memory`, ours: ours.peakMiB, unit: 'MiB' },
  ];
}
