/** A command at a terminal, with a person who types. */
import { spawn } from 'node:child_process';

/** Runs a command at a terminal (script(1) is one) and types each text when what it waits for was said; all that was shown. */
export function atTerminal(
  command: string,
  typing: readonly (readonly [prompt: string, text: string])[],
): Promise<string> {
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const left = [...typing];
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const [next] = left;
    if (!next || !shown.includes(next[0])) return;
    left.shift();
    child.stdin.write(next[1]);
  });
  return new Promise((resolve) => child.on('close', () => resolve(shown)));
}
