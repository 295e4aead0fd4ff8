/** `ferry kit`: a stick that a field engineer can use with nothing but what lies on it, and the sheet. */
import type { Command } from 'commander';
import { formatBytes, formatUntil } from './format.ts';
import { readOfficeRoot } from './office-root.ts';
import { type CommonOptions, repeated, withExamples, withJSON } from './options.ts';
import type { Session } from './session.ts';
import { BUILD_TIME } from './version.ts';

interface KitOptions extends CommonOptions {
  readonly bundle?: readonly string[];
  readonly workspace?: string;
}

/** Declares the command. */
export function addKit(program: Command, session: Session): void {
  const command = program
    .command('kit')
    .summary('lay out a stick: bundle, executables, what to type')
    .description(
      'Lays out DIR so that a site needs nothing else but the approval sheet: the bundle, its overlays, the executables of ferry that it carries, root.json, START-HERE.txt and .html, SHA256SUMS. Everything is read back. What former kits left goes to older/; files of others stay as they are.',
    )
    .argument('<dir>', 'the folder of the stick')
    .addOption(repeated('--bundle <file>', 'a bundle, overlay or catalogue; without, what lies in DIR'))
    .option('--workspace <dir>', 'the root must be the one of this workspace (FERRY_WORKSPACE)');
  withExamples(withJSON(command), [
    'kit /mnt --bundle atrium-2.1.0-7-12.ferry.tar --workspace ./office',
    'kit /mnt',
  ]).action((dir: string, options: KitOptions) => runKit(session, dir, options));
}

async function runKit(session: Session, dir: string, options: KitOptions): Promise<void> {
  const workspace = options.workspace ?? session.io.env['FERRY_WORKSPACE'];
  const officeRoot = workspace ? await readOfficeRoot(session, session.path(workspace)) : undefined;
  const { layOutKit } = await import('../media/index.ts');
  const { startHerePages } = await import('../report/index.ts');
  const progress = await session.progress('run the same command again: it completes what was begun');
  const kit = await layOutKit({
    dir: session.path(dir),
    bundles: options.bundle?.map((path) => session.path(path)),
    officeRoot,
    pages: startHerePages,
    now: session.now,
    buildTime: BUILD_TIME,
    progress,
    signal: session.io.signal,
  });
  session.warn(kit.warnings);
  session.finish({
    fields: { ...kit },
    lines: [
      `${kit.dir}: ${kit.files.length} files, ${formatBytes(kit.bytes)} written and read back`,
      ...kit.files.map(({ name, size, action }) => `  ${name} (${formatBytes(size)})${MARKS[action]}`),
      ...kit.older.map((name) => `  older/${name}`),
      `importable until ${formatUntil(kit.importableUntil, session.now)}`,
      'The approval sheet goes another way than the stick: `ferry sheet`.',
    ],
  });
}

const MARKS = { written: '', replaced: ', in the place of a former one', same: ', was there' } as const;
