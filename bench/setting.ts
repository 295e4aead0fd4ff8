/** What the measurements share: a private registry and engine, the images in it, a workspace and a site. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEngine, type TestEngine } from '../test/support/engine.ts';
import { layerTar, type PushedImage, pushImage, startRegistry, type TestRegistry } from '../test/support/registry.ts';
import { debianLayer, PACKAGES } from './debian.ts';
import type { Command } from './measure.ts';

/** The one of this checkout. */
export const FERRY = fileURLToPath(new URL('../bin/ferry', import.meta.url));

/** Everything that runs while measuring. `stop` ends it and removes the folder. */
export interface Setting {
  readonly directory: string;
  readonly registry: TestRegistry;
  readonly engine: TestEngine;
  /** One image of four large layers. */
  readonly large: PushedImage;
  /** The same with its last layer changed. */
  readonly update: PushedImage;
  /** Four images on one base. */
  readonly stack: readonly PushedImage[];
  path(...parts: string[]): string;
  /** A ferry command with this setting's workspace, state and engine. */
  ferry(...args: string[]): Command;
  stop(): Promise<void>;
}

/** @param program the ferry that is measured */
export async function startSetting(program: string): Promise<Setting> {
  const directory = mkdtempSync(join('/tmp', 'ferry-bench-'));
  const [registry, engine] = await Promise.all([startRegistry(), startEngine()]);
  const layers = PACKAGES.map((packages) => debianLayer(packages, directory));
  const [base, ...others] = layers as [Buffer, ...Buffer[]];
  const small = layerTar({ 'app/version': '2' });
  const push = (repository: string, tag: string, list: readonly Buffer[]) =>
    pushImage(registry, { repository, tag, layers: list });
  const large = await push('bench/large', '1', layers);
  const update = await push('bench/large', '2', [...layers.slice(0, -1), small]);
  const stack = await Promise.all([small, ...others].map((layer, i) => push(`bench/part${i}`, '1', [base, layer])));
  mkdirSync(join(directory, 'out'));
  const env = {
    FERRY_WORKSPACE: join(directory, 'workspace'),
    FERRY_STATE: join(directory, 'state'),
    FERRY_PREFIX: join(directory, 'prefix'),
    DOCKER_HOST: engine.host,
  };
  mkdirSync(env.FERRY_PREFIX);
  execFileSync(program, ['init', env.FERRY_WORKSPACE, '--product', 'bench', '--no-passphrase'], { stdio: 'ignore' });
  return {
    directory,
    registry,
    engine,
    large,
    update,
    stack,
    path: (...parts) => join(directory, ...parts),
    ferry: (...args) => ({ argv: [program, ...args], env }),
    stop: async () => {
      await Promise.all([registry.stop(), engine.stop()]);
      rmSync(directory, { recursive: true });
    },
  };
}

/** Writes a release manifest of some images. Answers its path. */
export function writeManifest(setting: Setting, release: string, references: readonly string[]): string {
  const path = setting.path(`${release}.yaml`);
  const images = references.map((reference) => `  - ${reference}\n`).join('');
  writeFileSync(path, `product: bench\nrelease: '${release}'\nplatforms: [linux/amd64]\nimages:\n${images}`);
  return path;
}

/** Exports once. Answers the path of the bundle. */
export function exportOnce(setting: Setting, release: string, references: readonly string[]): string {
  const out = setting.path(`bundle-${release}`);
  mkdirSync(out);
  const { argv, env } = setting.ferry('export', writeManifest(setting, release, references), '--out', out, '--json');
  const [file, ...args] = argv as [string, ...string[]];
  const stdout = execFileSync(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(stdout.toString().trim().split('\n').at(-1) as string).bundle;
}
