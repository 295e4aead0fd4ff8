/** Who listens on a port of this host: proc(5), `/proc/net/tcp` and the open files of processes, as far as we may look. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isErrno } from '../content/index.ts';

/** One that listens. */
export interface Listener {
  /** `0.0.0.0` and `::` are every address of this host. */
  readonly address: string;
  /** None of another user's process, unless we are root. */
  readonly program?: { readonly pid: number; readonly name: string };
}

interface Socket {
  readonly address: string;
  readonly inode: string;
}

const LISTENING = '0A';
/** An unconnected UDP socket. */
const UNCONNECTED = '07';

/** All on a port; `undefined` where there is no /proc. */
export async function findListeners(
  port: number,
  { protocol = 'TCP', proc = '/proc' }: { readonly protocol?: string; readonly proc?: string } = {},
): Promise<readonly Listener[] | undefined> {
  const name = protocol.toLowerCase() === 'udp' ? 'udp' : 'tcp';
  const state = name === 'udp' ? UNCONNECTED : LISTENING;
  const tables = await Promise.all([name, `${name}6`].map((table) => findText(join(proc, 'net', table))));
  if (tables.every((table) => table === undefined)) return undefined;
  const sockets = tables.flatMap((table) => socketsOf(table ?? '', { port, state }));
  if (sockets.length === 0) return [];
  const owners = await findOwners(new Set(sockets.map(({ inode }) => inode)), proc);
  return sockets.map(({ address, inode }) => {
    const program = owners.get(inode);
    return { address, ...(program !== undefined && { program }) };
  });
}

/** `0: 0100007F:1F90 00000000:0000 0A … uid timeout inode …` */
function socketsOf(table: string, { port, state }: { readonly port: number; readonly state: string }): Socket[] {
  return table.split('\n').flatMap((row): Socket[] => {
    const [, local = '', , is, , , , , , inode = ''] = row.trim().split(/\s+/);
    const [hex = '', own = ''] = local.split(':');
    if (is !== state || Number.parseInt(own, 16) !== port) return [];
    return [{ address: addressOf(hex), inode }];
  });
}

/** Words of four bytes, each in the host's byte order, which is little-endian wherever ferry runs. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].toReversed());
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.every((byte) => byte === 0)) return '::';
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '::1';
  if (bytes.slice(0, 12).every((byte, at) => byte === (at < 10 ? 0 : 255))) return bytes.slice(12).join('.');
  return Buffer.from(bytes)
    .toString('hex')
    .replaceAll(/(.{4})(?=.)/g, '$1:');
}

async function findOwners(
  inodes: ReadonlySet<string>,
  proc: string,
): Promise<ReadonlyMap<string, { readonly pid: number; readonly name: string }>> {
  const owners = new Map<string, { readonly pid: number; readonly name: string }>();
  for (const pid of (await readdir(proc)).filter((entry) => /^\d+$/.test(entry))) {
    for (const inode of await socketsHeld(join(proc, pid, 'fd'))) {
      if (!inodes.has(inode) || owners.has(inode)) continue;
      owners.set(inode, { pid: Number(pid), name: await nameOf(join(proc, pid)) });
    }
    if (owners.size === inodes.size) break;
  }
  return owners;
}

/** Of its program; a process may call itself anything, and threads have names of their own. */
async function nameOf(folder: string): Promise<string> {
  const program = await unlessGone(readlink(join(folder, 'exe')), '');
  return basename(program.replace(/ \(deleted\)$/, '')) || ((await findText(join(folder, 'comm')))?.trim() ?? '');
}

async function socketsHeld(folder: string): Promise<readonly string[]> {
  const held: string[] = [];
  for (const name of await unlessGone(readdir(folder), [])) {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(await unlessGone(readlink(join(folder, name)), '')) ?? [];
    if (inode !== undefined) held.push(inode);
  }
  return held;
}

function findText(path: string): Promise<string | undefined> {
  return unlessGone<string | undefined>(readFile(path, 'utf8'), undefined);
}

/** A process that ended meanwhile, or is another user's, has nothing to tell. */
async function unlessGone<T>(reading: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR')) return otherwise;
    throw error;
  }
}
