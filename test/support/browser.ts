/** The browser of the system, without a window and without a network: for pages that are files, and what they print. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Debian's; root needs the sandbox off, and a container has a small /dev/shm. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}

/** A page as a browser shows it, and all that it asked the network for. */
export interface ShownPage {
  readonly page: Page;
  /** Addresses but its own. */
  readonly requests: readonly string[];
}

/** Opens HTML as a file, as somebody does with a stick; closed with the browser. */
export async function show(browser: Browser, text: string): Promise<ShownPage> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-page-'));
  try {
    const path = join(folder, 'page.html');
    await writeFile(path, text);
    const page = await browser.newPage();
    const requests: string[] = [];
    const own = pathToFileURL(path).href;
    page.on('request', (request) => void (request.url() === own || requests.push(request.url())));
    await page.goto(own);
    return { page, requests };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What a page prints on paper of a kind, as text, and on how many sheets. */
export async function print(page: Page, format: 'A4' | 'Letter'): Promise<{ pages: number; text: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-print-'));
  try {
    const path = join(folder, 'page.pdf');
    await page.pdf({ path, format, preferCSSPageSize: false });
    const info = execFileSync('pdfinfo', [path], { encoding: 'utf8' });
    const text = execFileSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8' });
    return { pages: Number(/^Pages:\s+(\d+)$/m.exec(info)?.[1]), text };
  } finally {
    await rm(folder, { recursive: true });
  }
}
