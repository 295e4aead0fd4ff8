/** `ferry completion`: the script that lets a shell complete ferry's commands, options, files and words. */
import { Argument, type Command } from 'commander';
import { type CommandNode, readCommands } from './command-tree.ts';
import { type CommonOptions, withJSON } from './options.ts';
import type { Session } from './session.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const EXAMPLES = `
Examples:
  $ ferry completion bash | sudo tee /usr/share/bash-completion/completions/ferry >/dev/null
  $ ferry completion zsh | sudo tee /usr/share/zsh/vendor-completions/_ferry >/dev/null
  $ ferry completion fish >~/.config/fish/completions/ferry.fish
  $ source <(ferry completion bash)`;

/** Declares the command. */
export function addCompletion(program: Command, session: Session): void {
  const command = program
    .command('completion')
    .summary('the completion script of a shell')
    .description('Prints the script that lets SHELL complete commands, options, files and words.')
    .addArgument(new Argument('<shell>', 'whose').choices(SHELLS))
    .addHelpText('after', EXAMPLES);
  withJSON(command).action(async (shell: Shell, _options: CommonOptions) => {
    const script = await completionScript(shell, readCommands(program));
    session.finish({ fields: { shell, script }, lines: [script.replace(/\n$/, '')] });
  });
}

/** The script of a shell. */
async function completionScript(shell: Shell, tree: CommandNode): Promise<string> {
  switch (shell) {
    case 'bash':
      return (await import('./completion-bash.ts')).bashCompletion(tree);
    case 'zsh':
      return (await import('./completion-zsh.ts')).zshCompletion(tree);
    case 'fish':
      return (await import('./completion-fish.ts')).fishCompletion(tree);
  }
}
