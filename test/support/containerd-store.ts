/**
 * The containerd image store as dockerd has it, in memory: blobs by digest, image records by name, snapshots by
 * chainID. After moby v24 to v29 daemon/containerd/{image_exporter,image_delete,image_tag}.go and containerd's
 * archive/importer.go, as far as Ferry meets them. Written from those facts, not from the code under test.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { sha256 } from './images.ts';

/** A descriptor as stored in an image record. */
export interface Target {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Record<string, string>;
}

/** Files of a tar that was received whole. */
export type ReceivedTar = ReadonlyMap<string, Buffer>;

export class ContainerdStore {
  readonly blobs = new Map<string, Buffer>();
  /** By name; `moby-dangling@<digest>` for an image without one. */
  readonly records = new Map<string, Target>();
  readonly snapshots = new Set<string>();
  /** API minor of the engine: below 44 nothing may be missing. */
  readonly minor: number;

  constructor(minor: number) {
    this.minor = minor;
  }

  /** Imports a received tar. Answers lines as the engine streams them. */
  load(tar: ReceivedTar): object[] {
    for (const [name, bytes] of tar) if (!CONTROL.has(name)) this.blobs.set(sha256(bytes), bytes);
    const layout = tar.get('oci-layout');
    if (layout === undefined) return [failure('invalid archive: this store was given no oci-layout')];
    const index = parse(tar.get('index.json'));
    if (index === undefined) return [failure('index.json: not found')];
    const lines: object[] = [];
    for (const target of index['manifests'] as Target[]) lines.push(...this.#add(target));
    this.collectGarbage();
    return lines;
  }

  #add(target: Target): object[] {
    const missing = this.minor < 44 ? this.#children(target).find((digest) => !this.blobs.has(digest)) : undefined;
    if (missing !== undefined) return [failure(`content digest ${missing}: not found`)];
    const name = target.annotations?.['io.containerd.image.name'] ?? `moby-dangling@${target.digest}`;
    this.records.set(name, target);
    const loaded = { stream: `Loaded image: ${name}\n` };
    try {
      this.#unpack(target);
    } catch (error) {
      // since 27.2 (API 1.47) this is ordinary output
      const words = `Error unpacking image ${name}: ${(error as Error).message}`;
      return this.minor < 47 ? [failure(words)] : [loaded, { stream: `${words}\n` }];
    }
    return [loaded];
  }

  #unpack(target: Target): void {
    const manifest = this.manifestOf(target);
    if (manifest === undefined) throw new Error('no manifest for linux/amd64');
    const layers = manifest.json['layers'] as Target[];
    let chain = '';
    for (const [i, diffID] of this.diffIDs(target).entries()) {
      chain = chain === '' ? diffID : sha256(Buffer.from(`${chain} ${diffID}`));
      if (this.snapshots.has(chain)) continue;
      const bytes = this.blobs.get(layers[i]?.digest ?? '');
      if (bytes === undefined) throw new Error(`content digest ${layers[i]?.digest}: not found`);
      if (sha256(decompress(bytes)) !== diffID)
        throw new Error(`wrong diff id calculated on extraction, for ${diffID}`);
      this.snapshots.add(chain);
    }
  }

  /** The manifest for this host's platform below a target, if it is there. */
  manifestOf(target: Target): { digest: string; json: Record<string, unknown> } | undefined {
    const json = parse(this.blobs.get(target.digest));
    if (json === undefined || json['layers'] !== undefined) return json && { digest: target.digest, json };
    for (const child of json['manifests'] as (Target & { platform?: { architecture: string } })[]) {
      const manifest = parse(this.blobs.get(child.digest));
      if (manifest && child.platform?.architecture === 'amd64') return { digest: child.digest, json: manifest };
    }
    return undefined;
  }

  config(target: Target): Record<string, unknown> | undefined {
    return parse(this.blobs.get((this.manifestOf(target)?.json['config'] as Target | undefined)?.digest ?? ''));
  }

  diffIDs(target: Target): string[] {
    return ((this.config(target)?.['rootfs'] as { diff_ids?: string[] } | undefined)?.diff_ids ?? []).slice();
  }

  /** Whether every blob of the host's manifest is there. */
  isWhole(target: Target): boolean {
    const layers = (this.manifestOf(target)?.json['layers'] ?? [{ digest: 'none' }]) as Target[];
    return layers.every(({ digest }) => this.blobs.has(digest));
  }

  /** The record of a name, or of an ID. */
  find(reference: string): { name: string; target: Target } | undefined {
    const named = this.records.get(reference);
    if (named !== undefined) return { name: reference, target: named };
    const found = [...this.records].find(([, target]) => target.digest === reference);
    return found && { name: found[0], target: found[1] };
  }

  tagsOf(digest: string): string[] {
    const names = [...this.records].filter(([name, target]) => target.digest === digest && !isDangling(name));
    return names.map(([name]) => name);
  }

  /** A dangling record goes when its image gets a name; an image that loses its last name by a tag gets one. */
  tag(target: Target, name: string): void {
    const replaced = this.records.get(name);
    this.records.set(name, { mediaType: target.mediaType, digest: target.digest, size: target.size });
    this.records.delete(`moby-dangling@${target.digest}`);
    if (replaced !== undefined) this.keepDangling(replaced);
  }

  keepDangling(target: Target): void {
    if ([...this.records.values()].some(({ digest }) => digest === target.digest)) return;
    this.records.set(`moby-dangling@${target.digest}`, target);
  }

  /** Blobs that no record leads to are gone, as containerd's collector has it. */
  collectGarbage(): void {
    const live = new Set([...this.records.values()].flatMap((target) => this.#children(target)));
    for (const digest of this.blobs.keys()) if (!live.has(digest)) this.blobs.delete(digest);
    if (this.records.size === 0) this.snapshots.clear();
  }

  #children(target: Pick<Target, 'digest'>): string[] {
    const json = parse(this.blobs.get(target.digest));
    const below = [json?.['config'], ...list(json?.['layers']), ...list(json?.['manifests'])] as (Target | undefined)[];
    return [target.digest, ...below.filter((child) => child !== undefined).flatMap((child) => this.#children(child))];
  }
}

export function isDangling(name: string): boolean {
  return name.startsWith('moby-dangling@');
}

const CONTROL = new Set(['oci-layout', 'index.json', 'manifest.json']);

function failure(message: string): object {
  return { errorDetail: { message }, error: message };
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function parse(bytes: Buffer | undefined): Record<string, unknown> | undefined {
  // layers are blobs too: only what begins like a document is one
  return bytes?.[0] === 0x7b ? (JSON.parse(bytes.toString('utf8')) as Record<string, unknown>) : undefined;
}

function decompress(bytes: Buffer): Buffer {
  if (bytes.readUInt16BE(0) === 0x1f8b) return gunzipSync(bytes);
  return bytes.readUInt32LE(0) === 0xfd2fb528 ? zstdDecompressSync(bytes) : bytes;
}
