/** Verify against `sha256sum`, inspect of a bundle of 100 GB, and the time that a bare start takes. */
import { copyFileSync } from 'node:fs';
import { fileDigest } from '../src/content/index.ts';
import { digestHex } from '../src/oci/index.ts';
import { builtFerry } from '../test/support/executable.ts';
import { generatedLayer, pushImage } from '../test/support/registry.ts';
import { runInTurn } from './measure.ts';
import type { Setting } from './setting.ts';
import { exportOnce } from './setting.ts';
import type { Row } from './table.ts';

const MB = 1e6;

/** The large image, and as much noise as is missing. */
async function bundleOf500MB(setting: Setting): Promise<string> {
  const rest = 500 * MB - setting.large.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const layers = [{ bytes: generatedLayer('rest', rest), compression: 'none' as const }];
  const filler = await pushImage(setting.registry, { repository: 'bench/filler', tag: '1', layers });
  return exportOnce(setting, 'verify', [setting.large.reference, filler.reference]);
}

export async function benchVerify(setting: Setting): Promise<Row[]> {
  const bundle = await bundleOf500MB(setting);
  const root = setting.path('root.json');
  copyFileSync(setting.path('workspace', 'root.json'), root);
  const fingerprint = digestHex(await fileDigest(root));
  const executable = await builtFerry();
  const [ours, sum, openssl, start, inspect, built, builtInspect] = await runInTurn([
    setting.ferry('verify', bundle, '--trust', root, '--fingerprint', fingerprint),
    { argv: ['sha256sum', bundle] },
    { argv: ['openssl', 'dgst', '-sha256', bundle] },
    setting.ferry('--version'),
    setting.ferry('inspect', bundle),
    { argv: [executable, '--version'] },
    { ...setting.ferry(), argv: [executable, 'inspect', bundle] },
  ]);
  if (!ours || !sum || !openssl || !start || !inspect || !built || !builtInspect)
    throw new Error('a measurement is missing');
  return [
    { what: 'verify, 500 MB: sha256sum', ours: ours.seconds, theirs: sum.seconds, unit: 's', target: 0.3 },
    { what: 'verify: openssl dgst -sha256', ours: ours.seconds, theirs: openssl.seconds, unit: 's' },
    { what: 'verify: peak memory', ours: ours.peakMiB, unit: 'MiB' },
    { what: 'inspect', ours: inspect.seconds, unit: 's', target: 0.3 },
    { what: 'ferry --version', ours: start.seconds, unit: 's', target: 0.15 },
    { what: 'inspect, by the executable', ours: builtInspect.seconds, unit: 's', target: 0.3 },
    { what: 'ferry --version, by the executable', ours: built.seconds, unit: 's', target: 0.15 },
  ];
}
