/**
 * A disk that forgets: what a power cut may leave of a folder, by the rules that file systems keep and no others. The
 * bytes and the mode of a file survive from its last fsync; a name, made, moved or removed, from the next fsync of the
 * folder that holds it. Whatever was not synced survives or not, each for itself, and of an unsynced write a part.
 * The model is told of each operation by `tap.ts` and looks at the real files for what they hold.
 * After Pillai et al., "All File Systems Are Not Created Equal" (ALICE), OSDI 2014.
 */
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Operation } from './tap.ts';

interface File {
  readonly kind: 'file';
  readonly id: number;
  now: Buffer;
  mode: number;
  /** As of the last fsync. */
  safe: { readonly bytes: Buffer; readonly mode: number };
}
interface Link {
  readonly kind: 'link';
  readonly target: string;
}
interface Folder {
  readonly kind: 'folder';
  mode: number;
  safeMode: number;
  readonly now: Map<string, Node>;
  /** The names that are on the disk. */
  readonly safe: Map<string, Node>;
}
type Node = File | Link | Folder;

/** Names that change together; none of them is safe yet. */
interface Change {
  readonly edits: readonly { readonly folder: Folder; readonly name: string; readonly node: Node | undefined }[];
  /** Whose fsync makes it safe. */
  readonly folder: Folder;
}

/** How much of what was not synced is left. */
export type Survival = 'nothing' | 'everything' | (() => number);

export class DiskModel {
  readonly #roots = new Map<string, Folder>();
  readonly #files = new Map<number, File>();
  #changes: Change[] = [];

  /** Takes these folders as they stand, all of it safe. They must be there. */
  constructor(roots: readonly string[]) {
    for (const root of roots) this.#roots.set(root, this.#look(root) as Folder);
  }

  /** Takes note of an operation that was just done. */
  note(operation: Operation): void {
    const { path } = operation;
    switch (operation.kind) {
      case 'create':
        this.#edit(path, this.#file(operation.inode ?? 0, { bytes: Buffer.of(), mode: operation.mode ?? 0o666 }));
        return;
      case 'write':
      case 'truncate':
      case 'chmod':
        this.#refresh(path);
        return;
      case 'sync':
        this.#sync(path);
        return;
      case 'mkdir':
        this.#makeFolders(path);
        return;
      case 'symlink':
        this.#edit(path, { kind: 'link', target: operation.to ?? '' });
        return;
      case 'link':
        this.#edit(operation.to ?? '', this.#find(path));
        return;
      case 'rename':
        this.#rename(path, operation.to ?? '');
        return;
      case 'remove':
      case 'rmdir':
        this.#remove(path);
        return;
      default:
    }
  }

  /** Whether the model holds what the disk holds now: else an operation went by unseen. Answers the first path that differs. */
  findDifference(): string | undefined {
    for (const [root, folder] of this.#roots) {
      const real = linesOf(new DiskModel([root]).#roots.get(root) as Folder, root);
      const ours = linesOf(folder, root);
      const odd = [...real.filter((line) => !ours.includes(line)), ...ours.filter((line) => !real.includes(line))];
      if (odd[0] !== undefined) return odd[0].slice(0, 300);
    }
    return undefined;
  }

  /** Puts onto the disk what is left, in place of what is there. */
  cutPower(survival: Survival): void {
    const names = this.#survivors(survival);
    const bytes = (file: File) => bytesLeft(file, survival);
    const folderMode = ({ mode, safeMode }: Folder) => {
      if (survival === 'everything') return mode;
      return survival === 'nothing' || survival() < 0.5 ? safeMode : mode;
    };
    const written = new Map<Node, string>();
    for (const [root, folder] of this.#roots) {
      for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true });
      put(folder, root, { names, bytes, folderMode, written });
    }
  }

  /** The names of each folder that survive. */
  #survivors(survival: Survival): (folder: Folder) => ReadonlyMap<string, Node> {
    if (survival === 'everything') return ({ now }) => now;
    if (survival === 'nothing') return ({ safe }) => safe;
    const left = new Map<Folder, Map<string, Node>>();
    const of = (folder: Folder): Map<string, Node> => {
      const names = left.get(folder) ?? new Map(folder.safe);
      left.set(folder, names);
      return names;
    };
    for (const { edits } of this.#changes) {
      if (survival() < 0.5) continue;
      for (const { folder, name, node } of edits) enter(of(folder), name, node);
    }
    return of;
  }

  #look(path: string): Node {
    const stats = lstatSync(path);
    const mode = stats.mode & 0o7777;
    if (stats.isSymbolicLink()) return { kind: 'link', target: readlinkSync(path) };
    if (!stats.isDirectory())
      return this.#file(stats.ino, { bytes: readFileSync(path), mode }, this.#files.get(stats.ino));
    const entries = readdirSync(path).map((name) => [name, this.#look(join(path, name))] as const);
    return { kind: 'folder', mode, safeMode: mode, now: new Map(entries), safe: new Map(entries) };
  }

  /** @param known the same file under another name */
  #file(id: number, safe: File['safe'], known?: File): File {
    const file = known ?? { kind: 'file', id, now: safe.bytes, mode: safe.mode, safe };
    this.#files.set(id, file);
    return file;
  }

  #find(path: string): Node | undefined {
    const [root, folder] = this.#rootOf(path);
    let node: Node | undefined = folder;
    for (const name of path.slice(root.length).split('/').filter(Boolean)) {
      node = node?.kind === 'folder' ? node.now.get(name) : undefined;
    }
    return node;
  }

  #folderOf(path: string): Folder {
    const folder = this.#find(dirname(path));
    if (folder?.kind !== 'folder') throw new Error(`disk model: no folder for ${path}`);
    return folder;
  }

  #rootOf(path: string): readonly [string, Folder] {
    const found = [...this.#roots].find(([root]) => path === root || path.startsWith(`${root}/`));
    if (found === undefined) throw new Error(`disk model: ${path} is nowhere`);
    return found;
  }

  #edit(path: string, node: Node | undefined): void {
    const folder = this.#folderOf(path);
    this.#change(folder, [{ folder, name: basename(path), node }]);
  }

  #change(folder: Folder, edits: Change['edits']): void {
    for (const { folder: where, name, node } of edits) enter(where.now, name, node);
    this.#changes.push({ folder, edits });
  }

  #rename(from: string, to: string): void {
    const [source, target] = [this.#folderOf(from), this.#folderOf(to)];
    const node = source.now.get(basename(from));
    this.#change(target, [
      { folder: source, name: basename(from), node: undefined },
      { folder: target, name: basename(to), node },
    ]);
  }

  /** Name by name, as rm(1) does. */
  #remove(path: string): void {
    const node = this.#find(path);
    if (node === undefined) return;
    if (node.kind === 'folder') for (const name of [...node.now.keys()]) this.#remove(join(path, name));
    this.#edit(path, undefined);
  }

  #makeFolders(path: string): void {
    const missing: string[] = [];
    for (let at = path; this.#find(at) === undefined; at = dirname(at)) missing.unshift(at);
    for (const at of missing) {
      const mode = lstatSync(at).mode & 0o7777;
      this.#edit(at, { kind: 'folder', mode, safeMode: mode, now: new Map(), safe: new Map() });
    }
  }

  /** What the file holds now, by its present name. */
  #refresh(path: string): void {
    const node = this.#find(path);
    const mode = lstatSync(path).mode & 0o7777;
    if (node === undefined || node.kind === 'link') throw new Error(`disk model: ${path} was never made`);
    node.mode = mode;
    if (node.kind === 'file') node.now = readFileSync(path);
  }

  #sync(path: string): void {
    const node = this.#find(path);
    if (node?.kind === 'file') node.safe = { bytes: node.now, mode: node.mode };
    if (node?.kind !== 'folder') return;
    node.safeMode = node.mode;
    const isDone = (change: Change) => change.folder === node;
    for (const { edits } of this.#changes.filter(isDone)) {
      for (const { folder, name, node: named } of edits) enter(folder.safe, name, named);
    }
    this.#changes = this.#changes.filter((change) => !isDone(change));
  }
}

function enter(names: Map<string, Node>, name: string, node: Node | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

/** Of bytes that were not synced a part, or the former ones. */
function bytesLeft({ now, safe, mode }: File, survival: Survival): File['safe'] {
  if (survival === 'everything') return { bytes: now, mode };
  if (survival === 'nothing' || now.equals(safe.bytes)) return safe;
  const isLonger = now.length > safe.bytes.length && now.subarray(0, safe.bytes.length).equals(safe.bytes);
  const from = isLonger ? safe.bytes.length : 0;
  const torn = now.subarray(0, from + Math.floor(survival() * (now.length - from + 1)));
  return { bytes: survival() < 0.3 ? safe.bytes : torn, mode: survival() < 0.5 ? safe.mode : mode };
}

interface Left {
  readonly names: (folder: Folder) => ReadonlyMap<string, Node>;
  readonly bytes: (file: File) => File['safe'];
  readonly folderMode: (folder: Folder) => number;
  /** Where each file and link stands by now: another name of it is a name of the same one. */
  readonly written: Map<Node, string>;
}

function put(folder: Folder, path: string, left: Left): void {
  for (const [name, node] of left.names(folder)) {
    const at = join(path, name);
    const known = left.written.get(node);
    left.written.set(node, at);
    if (known !== undefined) linkSync(known, at);
    else if (node.kind === 'link') symlinkSync(node.target, at);
    else if (node.kind === 'folder') {
      mkdirSync(at);
      put(node, at, left);
      chmodSync(at, left.folderMode(node));
    } else {
      const { bytes, mode } = left.bytes(node);
      writeFileSync(at, bytes);
      chmodSync(at, mode);
    }
  }
}

function linesOf(folder: Folder, path: string): string[] {
  return [...folder.now].flatMap(([name, node]) => {
    const at = join(path, name);
    if (node.kind === 'folder') return [`${at} ${node.mode.toString(8)}`, ...linesOf(node, at)];
    return [
      node.kind === 'link'
        ? `${at} -> ${node.target}`
        : `${at} ${node.mode.toString(8)} ${node.now.toString('latin1')}`,
    ];
  });
}
