/**
 * zstd layers made plain for engines that can't unpack them. The plain tar is written to the spool folder and proven,
 * digest of what was read and diffID of what came out, before any of it is sent; it goes when the load is over.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { asWriteError } from '../content/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { digestFromHex } from '../oci/index.ts';
import type { PlainLayer } from './entries.ts';
import { DockerError, quoteEngine } from './error.ts';
import type { ImagePlan } from './plan.ts';

/** How layers are made plain. */
export interface PlainOptions {
  /** A blob as stored, proven as it streams. */
  open(descriptor: Descriptor): AsyncIterable<Uint8Array>;
  readonly spoolDir: string;
  readonly signal: AbortSignal;
}

/** The plain layers of a plan; `dispose` removes their files. */
export interface PlainLayers {
  find(digest: Digest): PlainLayer | undefined;
  dispose(): Promise<void>;
}

/**
 * Makes the plan's zstd layers plain. Nothing is left behind when it throws.
 *
 * @throws {ContentError} `NO_SPACE` and the like for the spool folder; what `open` throws
 * @throws {DockerError} `IMAGE_MISMATCH` when a proven blob is not the layer that the config names
 */
export async function makePlain(plan: ImagePlan, options: PlainOptions): Promise<PlainLayers> {
  const folder = join(options.spoolDir, `plain-${randomBytes(6).toString('hex')}`);
  const layers = new Map<Digest, PlainLayer>();
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    if (plan.zstd.length > 0) await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const descriptor of plan.zstd) {
      layers.set(descriptor.digest, await spoolLayer(descriptor, diffIDOf(plan, descriptor), { ...options, folder }));
    }
  } catch (error) {
    await dispose();
    throw asWriteError(error, folder);
  }
  return { find: (digest) => layers.get(digest), dispose };
}

type SpoolOptions = PlainOptions & { readonly folder: string };

async function spoolLayer(layer: Descriptor, diffID: Digest, options: SpoolOptions): Promise<PlainLayer> {
  const path = join(options.folder, diffID.replace(':', '-'));
  const hash = createHash('sha256');
  let size = 0;
  const measured = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const sink = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  const { signal } = options;
  try {
    await pipeline(Readable.from(options.open(layer)), createZstdDecompress(), measured, sink, { signal });
  } catch (error) {
    throw await judge(error, layer, options);
  }
  const actual = digestFromHex(hash.digest('hex'));
  if (actual !== diffID) throw unpackFailed(layer, `diffID ${diffID}`, actual);
  return { descriptor: { digest: diffID, size }, open: () => createReadStream(path, { highWaterMark: 256 * 1024 }) };
}

/** A damaged blob breaks the decompressor before its end is reached and its digest known: so it is read to the end. */
async function judge(error: unknown, layer: Descriptor, { open, signal }: SpoolOptions): Promise<unknown> {
  if (signal.aborted) return signal.reason;
  if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('ZSTD_'))) return error;
  try {
    for await (const _ of open(layer)) signal.throwIfAborted();
  } catch (damage) {
    return damage;
  }
  return unpackFailed(layer, 'zstd data', error.message);
}

function unpackFailed({ digest }: Descriptor, expected: string, got: string): DockerError {
  return new DockerError(`unpack layer ${digest}: expected ${expected}, got ${quoteEngine(got)}`, {
    code: 'IMAGE_MISMATCH',
    facts: { digest },
  });
}

function diffIDOf({ image }: ImagePlan, descriptor: Descriptor): Digest {
  const { layers, diffIDs } = image.platform;
  const diffID = diffIDs[layers.findIndex(({ digest }) => digest === descriptor.digest)];
  if (diffID === undefined) throw new RangeError(`image ${image.name}: expected layer ${descriptor.digest}, got none`);
  return diffID;
}
