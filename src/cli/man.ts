/** `ferry man`: the manual page of ferry(1), from the same definitions that parse the command line. */
import type { Command } from 'commander';
import { readCommands } from './command-tree.ts';
import { type CommonOptions, withExamples, withJSON } from './options.ts';
import type { Session } from './session.ts';
import { BUILD_TIME, VERSION } from './version.ts';

/** Declares the command. */
export function addMan(program: Command, session: Session): void {
  const command = program
    .command('man')
    .summary('the manual page, for man(1)')
    .description('Prints the manual page: every command with its options and examples, in the language of man.');
  withExamples(withJSON(command), ['man | man -l -', 'man >/usr/local/share/man/man1/ferry.1']).action(
    async (_options: CommonOptions) => {
      const { manPage } = await import('./man-page.ts');
      const page = manPage(readCommands(program), { version: VERSION, date: BUILD_TIME });
      session.finish({ fields: { page }, lines: [page.replace(/\n$/, '')] });
    },
  );
}
