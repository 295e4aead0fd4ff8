/**
 * A certificate that a stick brings, and whoever serves it: what was found on the host is replaced, and a reload copies
 * what stands there to where a view sees it, so that what is served is a fact like any other.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sealFor } from '../src/seal/index.ts';
import type { LabSiteFile } from '../test/install/lab.ts';
import { bundlePEM, type Issued, makeRoot } from '../test/support/pki.ts';
import { plant } from '../test/support/secrets.ts';

const DIR = 'etc/atrium/tls';
const SERVED = 'srv';
const FILES = ['fullchain.pem', 'privkey.pem'] as const;

interface Made {
  readonly old: Issued;
  /** Ends later. */
  readonly next: Issued;
  readonly root: string;
}

let made: Promise<Made> | undefined;

/** The same ones for all sites. */
function certificates(): Promise<Made> {
  made ??= make();
  return made;
}

async function make(): Promise<Made> {
  const root = await makeRoot();
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
  const [old, next] = [await root.issue({ notAfter: inDays(90) }), await root.issue({ notAfter: inDays(200) })];
  for (const { keyPEM } of [old, next]) plant(keyPEM);
  return { old, next, root: root.pem };
}

/** Puts the old one in its place as an operator does, and serves it. */
export async function makeServed(prefix: string): Promise<void> {
  const { old } = await certificates();
  await mkdir(join(prefix, DIR), { recursive: true });
  await mkdir(join(prefix, SERVED));
  for (const [name, text] of [[FILES[0], old.pem] as const, [FILES[1], old.keyPEM] as const]) {
    await writeFile(join(prefix, DIR, name), text, { mode: name === FILES[1] ? 0o600 : 0o644 });
    await copyFile(join(prefix, DIR, name), join(prefix, SERVED, name));
  }
}

/** The next one, as an office seals it. */
export async function carriedCertificate(recipient: string): Promise<LabSiteFile> {
  const { next, root } = await certificates();
  const bytes = await sealFor(Buffer.from(bundlePEM(next, root, next.keyPEM)), recipient);
  return { name: 'tls.pem.age', role: 'certificate', text: '', bytes, sealed: true, mode: '0600' };
}

/** What an import is told: the one that was found goes, and whoever serves looks again. */
export function servingOptions(prefix: string): readonly string[] {
  const files = FILES.map((name) => join(prefix, DIR, name));
  const reload = `cp ${files.join(' ')} ${join(prefix, SERVED)}/`;
  return ['--reload', reload, '--replace', FILES[0], '--reason', 'it is renewed'];
}
