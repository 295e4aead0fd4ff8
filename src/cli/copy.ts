/** `ferry copy`: a bundle onto a medium, read back from it. */
import type { Command } from 'commander';
import { formatBytes } from './format.ts';
import { type CommonOptions, withExamples, withJSON } from './options.ts';
import type { Session } from './session.ts';

/** Declares the command. */
export function addCopy(program: Command, session: Session): void {
  const command = program
    .command('copy')
    .summary('copy a bundle to a stick, and read it back')
    .description(
      'Copies a bundle and its chunk list to a stick, waits until the stick has it, reads it back past the memory of this computer where the file system allows that, and compares.',
    )
    .argument('<bundle>', 'the bundle, or the folder that holds it')
    .argument('<dir>', 'the folder of the stick');
  withExamples(withJSON(command), ['copy atrium-2.1.0-7-12.ferry.tar /mnt', 'copy /srv/ferry /mnt --json']).action(
    (bundle: string, dir: string, options: CommonOptions) => runCopy(session, { ...options, bundle, dir }),
  );
}

async function runCopy(
  session: Session,
  { bundle, dir }: CommonOptions & { readonly bundle: string; readonly dir: string },
): Promise<void> {
  const { findBundle } = await import('../install/index.ts');
  const { copyBundle } = await import('../media/index.ts');
  const from = await findBundle(session.path(bundle));
  const progress = await session.progress('what was copied before stays; the file under way is gone');
  const done = await copyBundle({ bundle: from, dir: session.path(dir), progress, signal: session.io.signal });
  session.warn(done.warnings);
  const verbs = { written: 'copied and read back', same: 'was there, the same bytes' };
  session.finish({
    fields: { ...done },
    lines: done.files.map(({ name, size, action }) => `${name} (${formatBytes(size)}): ${verbs[action]}`),
  });
}
