/** An office that has something to lay out: small releases with executables that are none, but begin like some. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { newOffice, type TestOffice } from './exports.ts';
import { fakeRegistry } from './fake-registry.ts';
import { buildImage } from './registry-images.ts';

export interface ReleaseOptions {
  /** Platforms of the executables. @default three */
  readonly ferry?: readonly string[];
  /** @default the office's `out` */
  readonly outDir?: string;
  /** Cards of sites that get a licence of their own. @default none, and no licence */
  readonly sites?: readonly string[];
}

export interface KitOffice extends TestOffice {
  /** Exports a release of this name into `out`, or elsewhere. Answers the path of the bundle. */
  release(name: string, more?: ReleaseOptions): Promise<string>;
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
  const folder = dirname(office.manifestPath);
  return {
    ...office,
    async release(name, { ferry = PLATFORMS, outDir = office.out, sites = [] } = {}) {
      for (const platform of ferry) {
        await writeFile(join(folder, fileName(platform)), executableBytes(name, platform));
      }
      await writeFile(join(folder, 'compose.yaml'), 'services: {}\n');
      await writeFile(join(folder, 'license.blob'), `licence for release ${name}\n`);
      await office.write(
        ['demo/app:1'],
        `release: "${name}"\n${COMPOSE}${carried(ferry)}${sites.length > 0 ? LICENSE : ''}`,
      );
      const { bundle } = await office.export({ outDir, sites });
      return bundle as string;
    },
  };
}

const PLATFORMS = ['linux/amd64', 'linux/arm64', 'windows/amd64'];
const COMPOSE = `files: [{name: compose.yaml, from: ./compose.yaml, install: /etc/demo/compose.yaml}]
compose: {project: demo, file: compose.yaml}
`;
const LICENSE = 'license: {from: ./license.blob, install: /etc/demo/license.blob}\n';

function fileName(platform: string): string {
  return `bin-${platform.replace('/', '-')}`;
}

function carried(platforms: readonly string[]): string {
  const lines = platforms.map((platform) => {
    return `  - {from: ./${fileName(platform)}, platform: ${platform}, version: 0.2.0}\n`;
  });
  return lines.length > 0 ? `ferry:\n${lines.join('')}` : '';
}
