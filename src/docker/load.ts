/**
 * Loads one image: sends the synthesized tar, reads the whole answer, and believes only what it then finds in the
 * engine (DESIGN decisions 3 and 6). The image stays untagged. A load that fails leaves no image behind.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { verified } from '../content/index.ts';
import { FerryError } from '../errors.ts';
import { packTar } from '../layout/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { type BlobSource, loadEntries } from './entries.ts';
import { DockerError, quoteEngine } from './error.ts';
import type { Connection } from './facts.ts';
import { engineWords } from './failure.ts';
import { declaredVolumes } from './image.ts';
import { findImage } from './inventory.ts';
import { pinWith, unpin } from './pin.ts';
import { makePlain } from './plain.ts';
import type { ImagePlan } from './plan.ts';
import { failureIn, loadFailed, readReply } from './reply.ts';
import { removeImage } from './tags.ts';
import { untilLoadsEnd } from './under-way.ts';
import { findDifference, verifyImage } from './verify.ts';
import { type Patience, startWatch, type Watch } from './watch.ts';

export interface LoadOptions {
  /** A blob's bytes as the bundle has them; they are proven here, while they stream. */
  readonly open: (descriptor: Descriptor) => AsyncIterable<Uint8Array>;
  /** Bytes of the plan's `bytes` that have passed; the sum is the progress. */
  readonly onBytes?: (size: number) => void;
  /** Stops the load; its reason is then what is thrown. */
  readonly signal?: AbortSignal;
  /** Folder for zstd layers that an old engine needs plain; a folder of its own is made in it and removed. */
  readonly spoolDir: string;
  /**
   * Pins the image under this label the moment that the engine has it: whatever else prunes images at night would take
   * one without a name. It may do so even then: after an error that `isGone`, the pin is there. Not where the plan said
   * that it is present: whoever leans on that holds it already.
   */
  readonly pinLabel?: string;
  readonly patience?: Patience;
}

/** What became of a plan. */
export interface LoadedImage {
  readonly imageID: Digest;
  /** `present` also when the image has come into the engine since the plan was made: it is then not ours to remove. */
  readonly action: 'loaded' | 'present';
}

/**
 * Carries out a plan.
 *
 * @throws {ContentError} `DIGEST_MISMATCH`, `SIZE_MISMATCH` for a damaged blob: the engine then got a cut-off tar
 * @throws {DockerError} `LOAD_FAILED` with the engine's words, `ENGINE_NO_SPACE`, `ENGINE_STALLED`, `IMAGE_MISMATCH`, …
 */
export async function loadImage(connection: Connection, plan: ImagePlan, options: LoadOptions): Promise<LoadedImage> {
  const { image, imageID } = plan;
  const before = await findImage(connection, imageID);
  // never posted again: on newer engines that leaves a dangling double (moby#53561)
  if (before !== undefined && findDifference(connection.facts, image, before) === undefined) {
    if (plan.action === 'load') await hold(connection, plan, options);
    return { imageID, action: 'present' };
  }
  if (plan.action === 'present') throw goneSince(image.name);
  options.signal?.throwIfAborted();
  const watch = startWatch(image.name, { signal: options.signal, patience: options.patience ?? connection.patience });
  let pinned: string | undefined;
  try {
    await send(connection, plan, { ...options, watch });
    pinned = await hold(connection, plan, options);
    await verifyImage(connection, image);
  } catch (error) {
    // a pin on an image that was pruned at the last moment stays: it holds the image from the moment that it is back.
    // And the first error matters more; a pin that is left is found by its label.
    if (pinned !== undefined && !isGone(error)) await unpin(connection.api, pinned).catch(() => undefined);
    if (before === undefined) await cleanUp(connection, plan, watch);
    throw error;
  } finally {
    watch.stop();
  }
  return { imageID, action: 'loaded' };
}

/** Holds what the engine says that it has loaded. @throws {DockerError} `LOAD_FAILED` when it has not, after all */
async function hold(connection: Connection, plan: ImagePlan, { pinLabel }: LoadOptions): Promise<string | undefined> {
  if (pinLabel === undefined) return undefined;
  try {
    return await pinWith(connection, plan.imageID, { label: pinLabel, volumes: declaredVolumes(plan.image) });
  } catch (error) {
    throw error instanceof DockerError && error.facts['status'] === 404 ? goneSince(plan.image.name) : error;
  }
}

/** Whether an error means that the image was there, or should be, and was removed by somebody: it can be loaded again. */
export function isGone(error: unknown): boolean {
  return error instanceof DockerError && error.facts['gone'] === true;
}

type SendOptions = LoadOptions & { readonly watch: Watch };

async function send(connection: Connection, plan: ImagePlan, options: SendOptions): Promise<void> {
  const { watch, onBytes = () => {} } = options;
  const open = (descriptor: Descriptor) => counted(verified(options.open(descriptor), descriptor), onBytes);
  const plain = await makePlain(plan, { open, spoolDir: options.spoolDir, signal: watch.signal });
  try {
    await post(connection, plan, { watch, source: { open, findPlain: plain.find } });
  } finally {
    await plain.dispose();
  }
}

/** Sends and listens at the same time: an engine that fails early says so while it is still being sent to. */
async function post(
  { api, facts }: Connection,
  plan: ImagePlan,
  { watch, source }: { readonly watch: Watch; readonly source: BlobSource },
): Promise<void> {
  const prefix = randomBytes(8).toString('hex');
  const tar = packTar(loadEntries(facts, plan, { prefix, source }));
  const body = Readable.from(watch.metered(tar), { objectMode: false, highWaterMark: 1024 * 1024 });
  let broken: unknown;
  body.once('error', (error: unknown) => {
    broken = error;
  });
  try {
    await listen(await api.load(body, watch.signal), plan.image.name, watch);
    if (!watch.sentAll()) throw loadFailed(plan.image.name, 'an answer before it had everything');
  } catch (error) {
    if (watch.signal.aborted) throw watch.signal.reason;
    throw broken ?? asLoadError(error, plan.image.name);
  } finally {
    body.destroy();
    tar.destroy();
  }
}

async function listen(response: IncomingMessage, image: string, watch: Watch): Promise<void> {
  let failure: string | undefined;
  try {
    for await (const line of readReply(response)) {
      watch.heard();
      failure ??= failureIn(line);
    }
  } catch (error) {
    // the words that came before the line broke off say more than the break
    if (failure === undefined) throw error;
  }
  if (failure !== undefined) throw loadFailed(image, failure);
}

function goneSince(image: string): DockerError {
  return new DockerError(`load image ${image}: expected it in the engine as planned, got an engine without it`, {
    code: 'LOAD_FAILED',
    hint: 'it was removed while the import ran: import again',
    facts: { image, gone: true },
  });
}

/** What stopped a load: our own errors as they are, an engine's refusal and a broken line in words. */
function asLoadError(error: unknown, image: string): unknown {
  if (error instanceof DockerError && error.code === 'ENGINE_FAILED')
    return loadFailed(image, String(error.facts['words']));
  if (error instanceof FerryError && error.code !== 'ENGINE_UNREACHABLE') return error;
  const words = engineWords(error instanceof DockerError ? (error.cause ?? error) : error);
  return new DockerError(`load image ${image}: expected an answer to its end, got ${quoteEngine(words)}`, {
    code: 'LOAD_FAILED',
    hint: "the engine's own log says more",
    cause: error,
    facts: { image, lost: true },
  });
}

/**
 * Removes what a failed load left. An engine that has everything may go on after we have hung up (20.10 does), so for a
 * moment it is waited for. What can't be cleaned is untagged and harmless; the first error matters more.
 */
async function cleanUp(connection: Connection, plan: ImagePlan, watch: Watch): Promise<void> {
  if (!watch.sentAll()) return;
  const imageIDs = [plan.imageID];
  const waitMs = watch.signal.aborted ? 3_000 : 0;
  // the error of a look at an engine that is gone is the first one again
  await untilLoadsEnd(connection, imageIDs, { busyMs: waitMs, lateMs: waitMs }).catch(() => undefined);
  await removeImage(connection, plan.imageID).catch(() => undefined);
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (size: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}
