/** An office that has something to lay out: small releases with executables that are none, but begin like some. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { newOffice, type TestOffice } from './exports.ts';
import { fakeRegistry } from './fake-registry.ts';
import { buildImage } from './registry-images.ts';

export interface KitOffice extends TestOffice {
  /** Exports a release of this name into `out`, or elsewhere. Answers the path of the bundle. */
  release(name: string, more?: { readonly ferry?: readonly string[]; readonly outDir?: string }): Promise<string>;
}

/** What `ferry-linux-x64` of a release is. */
export function executableBytes(release: string, platform: string): Buffer {
  const magic = platform.startsWith('windows/') ? 'MZ' : '\x7fELF';
  return Buffer.from(`${magic} ferry of release ${release} for ${platform}\n`, 'latin1');
}

/** A new office of the product `demo`. */
export async function kitOffice(): Promise<KitOffice> {
  const fake = await fakeRegistry();
  onTestFinished(() => fake.stop());
  fake.add('demo/app', '1', buildImage());
  const office = await newOffice(fake.host);
  return {
    ...office,
    async release(name, { ferry = ['linux/amd64', 'linux/arm64', 'windows/amd64'], outDir = office.out } = {}) {
      const entries = ferry.map((platform) => ({ platform, from: `bin-${platform.replace('/', '-')}` }));
      for (const { platform, from } of entries) {
        await writeFile(join(dirname(office.manifestPath), from), executableBytes(name, platform));
      }
      await writeFile(join(dirname(office.manifestPath), 'compose.yaml'), 'services: {}\n');
      const lines = entries.map(
        ({ platform, from }) => `  - {from: ./${from}, platform: ${platform}, version: 0.2.0}\n`,
      );
      const compose =
        'files: [{name: compose.yaml, from: ./compose.yaml, install: /etc/demo/compose.yaml}]\ncompose: {project: demo, file: compose.yaml}\n';
      await office.write(
        ['demo/app:1'],
        `release: "${name}"\n${compose}${lines.length > 0 ? `ferry:\n${lines.join('')}` : ''}`,
      );
      const { bundle } = await office.export({ outDir });
      return bundle as string;
    },
  };
}
