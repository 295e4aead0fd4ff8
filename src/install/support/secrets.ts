/**
 * The texts that are secret at this site, so that they can be found wherever they turned up: all that is in `identity/`,
 * and the site's own files (licence, TLS key), as they were kept, replaced ones among them, and as they stand. They are read to be left out.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findFileBounded, isErrno, readBounded } from '../../content/index.ts';
import { FerryError } from '../../errors.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { peekEnvelope } from '../../trust/index.ts';
import { FolderTree } from '../files/folder.ts';
import { readStanding } from '../files/standing.ts';
import { findInstalled, type InstalledFile, storedPath } from '../kept/installed.ts';
import { prefixIn } from '../status/files.ts';

/** The site's name is no secret: cut out of every text it would take words of others with it. */
const NAME = 'site.json';
/** What is larger is no licence and no key. */
const MAX_SECRET_BYTES = 256 * 1024;

/** All texts that must not leave. What cannot be read cannot have got out by us either. */
export async function findSecrets(state: SiteStateReader, prefix: string | undefined): Promise<readonly string[]> {
  const secrets: string[] = [...(await identityTexts(state))];
  for (const sequence of [0, ...((await attempt(() => state.listReleases())) ?? [])]) {
    secrets.push(...(await releaseTexts(state, sequence, prefix)));
  }
  return secrets;
}

async function releaseTexts(state: SiteStateReader, sequence: number, prefix: string | undefined): Promise<string[]> {
  const files = (await attempt(() => findInstalled(state, sequence)))?.files ?? [];
  const tree = new FolderTree(prefix ?? prefixIn(await receiptFiles(state, sequence), files));
  const texts: string[] = [];
  try {
    for (const file of files.filter(({ from }) => from !== 'release')) {
      texts.push(...(await fileTexts(file, { state, sequence, tree })));
    }
    return [...texts, ...(await keptTexts(state, sequence))];
  } finally {
    await tree.close();
  }
}

/** A licence that an overlay has replaced is in no document any more, and may be valid all the same. */
async function keptTexts({ dir }: SiteStateReader, sequence: number): Promise<string[]> {
  return textsIn(join(dir, 'releases', String(sequence), 'kept'));
}

async function receiptFiles(state: SiteStateReader, sequence: number): Promise<readonly { readonly path: string }[]> {
  const receipt = await attempt(() => state.findReleaseFile(sequence, 'receipt.json'));
  const content = receipt && (await attempt(async () => peekEnvelope(receipt).content));
  return (content?.['files'] ?? []) as readonly { readonly path: string }[];
}

async function identityTexts({ dir }: SiteStateReader): Promise<string[]> {
  const folders = [join(dir, 'identity'), join(dir, 'identity', 'tls')];
  return (await Promise.all(folders.map(textsIn))).flat().map(withoutComments);
}

/** Of all files of a folder but the site's name. */
async function textsIn(folder: string): Promise<string[]> {
  const names = (await attempt(() => readdir(folder))) ?? [];
  const texts: string[] = [];
  for (const name of names.filter((each) => each !== NAME)) {
    const bytes = await attempt(() => findFileBounded(join(folder, name), { max: MAX_SECRET_BYTES }));
    if (bytes !== undefined) texts.push(bytes.toString('utf8'));
  }
  return texts;
}

/** Of an age file without its date and public half; the key also as it is without the words in front. */
function withoutComments(text: string): string {
  return text.replaceAll(/^#.*$/gm, '').replaceAll(/^AGE-SECRET-KEY-1(\w+)/gm, '$&\n$1');
}

interface FileTextsOptions {
  readonly state: SiteStateReader;
  readonly sequence: number;
  readonly tree: FolderTree;
}

async function fileTexts(file: InstalledFile, { state, sequence, tree }: FileTextsOptions): Promise<string[]> {
  const stored = storedPath(sequence, file);
  const sources = [readStanding(tree, file.path), ...(stored === undefined ? [] : [state.openStored(stored)])];
  const texts: string[] = [];
  for (const source of sources) {
    const bytes = await attempt(() => readBounded(source, { max: MAX_SECRET_BYTES, what: file.path }));
    if (bytes !== undefined) texts.push(bytes.toString('utf8'));
  }
  return texts;
}

async function attempt<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FerryError || isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR', 'EIO')) return undefined;
    throw error;
  }
}
