/** A connection to one engine, and all that Ferry does with it. The work is in the other files; here it is tied together. */
import { shellWord } from '../content/index.ts';
import type { Digest } from '../oci/index.ts';
import { type EngineAddress, type EngineEnvironment, formatAddress, parseAddress } from './address.ts';
import { agentFor } from './agent.ts';
import { openAPI } from './api.ts';
import { waitingFor } from './away.ts';
import { type Compose, findCompose, programEnvironment } from './compose.ts';
import { type EngineContainer, listContainers } from './containers.ts';
import { DockerError } from './error.ts';
import { type ExecEnd, type ExecOptions, execInContainer } from './exec.ts';
import { type Connection, type EngineFacts, readFacts } from './facts.ts';
import type { EngineImage } from './image.ts';
import { findImage, type Inventory, type KnownImage, readInventory, withImage } from './inventory.ts';
import { type LoadedImage, type LoadOptions, loadImage } from './load.ts';
import { findPins, type Pin, pin, unpin } from './pin.ts';
import { expectedID, type ImagePlan, planImage } from './plan.ts';
import { removeContainer, removeNetworks, restartContainer, signalContainer, stopContainer } from './project.ts';
import { findTag, removeImage, tag, untag } from './tags.ts';
import { type EndOfLoads, untilLoadsEnd } from './under-way.ts';
import { verifyImage } from './verify.ts';
import { type EnginePatience, PATIENCE } from './watch.ts';

export interface ConnectOptions {
  /** DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, HOME; all of it goes to `ssh`. */
  readonly env: EngineEnvironment;
  /** The command line as it was typed, without `sudo`: told back when it takes root. */
  readonly command?: string;
  /** How long the engine may be silent, or away. @default `PATIENCE` */
  readonly patience?: Partial<EnginePatience>;
}

/** One engine, from connect to close. Every call may throw {DockerError}: see the function of its name. */
export interface Engine {
  readonly facts: EngineFacts;
  /** What is there now. `known`: images whose layers the caller knows; the containerd store can't be asked for them. */
  inventory(known?: readonly KnownImage[]): Promise<Inventory>;
  planImage(inventory: Inventory, image: EngineImage): ImagePlan;
  /** The inventory as it will be after an image was loaded, for planning the next one. Pure. */
  withImage(inventory: Inventory, image: EngineImage): Inventory;
  loadImage(plan: ImagePlan, options: LoadOptions): Promise<LoadedImage>;
  verifyImage(image: EngineImage): Promise<void>;
  /** Whether the engine has an image of this ID, with a name or without. */
  hasImage(imageID: Digest): Promise<boolean>;
  findTag(name: string): Promise<Digest | undefined>;
  tag(imageID: Digest, name: string): Promise<void>;
  untag(name: string): Promise<void>;
  removeImage(imageID: Digest): Promise<boolean>;
  pin(imageID: Digest, label: string): Promise<string>;
  unpin(handle: string): Promise<void>;
  findPins(label?: string): Promise<Pin[]>;
  /** All containers, pins too: those have the label `PIN_LABEL`. */
  containers(): Promise<EngineContainer[]>;
  /** Runs a program in a running container, without a shell. */
  execInContainer(id: string, words: readonly string[], options: ExecOptions): Promise<ExecEnd>;
  stopContainer(id: string): Promise<void>;
  /** To its first process; only where it runs. */
  signalContainer(id: string, signal: string): Promise<void>;
  /** One that does not run is started too. */
  restartContainer(id: string): Promise<void>;
  /** None of its volumes. */
  removeContainer(id: string): Promise<void>;
  /** Those that Compose made for a project and nobody uses. */
  removeNetworks(project: string): Promise<void>;
  findCompose(): Promise<Compose>;
  /** What a program needs of the environment to reach this engine. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Waits until an engine that went away (`isEngineLost`) is back; who waited in vain only looks the next time.
   * @throws {DockerError} `ENGINE_NOT_RUNNING`; `ENGINE_CHANGED` when it is another; the reason of the signal
   */
  untilBack(signal?: AbortSignal): Promise<void>;
  /**
   * Waits until loads of these images whose client is gone are over, as far as that can be seen; elsewhere, for a moment,
   * unless `lateMs` is 0.
   * @throws {DockerError} `ENGINE_BUSY`
   */
  untilLoadsEnd(imageIDs: readonly Digest[], options?: Partial<EndOfLoads>): Promise<void>;
  close(): void;
}

/**
 * Connects to the engine that the environment names and reads what it is.
 *
 * @throws {DockerError} `ENGINE_ADDRESS`, `ENGINE_NOT_RUNNING`, `ENGINE_DENIED` (with the sudo line as its hint, where
 *   `command` is given), `ENGINE_UNREACHABLE`, `ENGINE_TLS`, `ENGINE_UNSUPPORTED`
 */
export async function connectEngine({ env, command, patience }: ConnectOptions): Promise<Engine> {
  const address = parseAddress(env);
  const api = await openAPI(address, agentFor(address, env));
  try {
    return tieTogether(
      { api, facts: await readFacts(api, address), patience: { ...PATIENCE, ...patience } },
      { address, env },
    );
  } catch (error) {
    api.close();
    throw address.kind === 'unix'
      ? withSudo(error, formatAddress(address), { env, ...(command ? { command } : {}) })
      : error;
  }
}

interface Whereabouts {
  readonly address: EngineAddress;
  readonly env: EngineEnvironment;
}

function tieTogether(connection: Connection, where: Whereabouts): Engine {
  const { api, facts } = connection;
  let compose: Promise<Compose> | undefined; // it takes v1 half a second to say its version
  return {
    facts,
    inventory: (known = []) => readInventory(connection, known),
    planImage: (inventory, image) => planImage(facts, inventory, image),
    withImage: (inventory, image) => withImage(inventory, image, expectedID(facts, image)),
    loadImage: (plan, options) => loadImage(connection, plan, options),
    verifyImage: (image) => verifyImage(connection, image),
    hasImage: async (imageID) => (await findImage(connection, imageID)) !== undefined,
    findTag: (name) => findTag(connection, name),
    tag: (imageID, name) => tag(api, imageID, name),
    untag: (name) => untag(connection, name),
    removeImage: (imageID) => removeImage(connection, imageID),
    pin: (imageID, label) => pin(connection, imageID, label),
    unpin: (handle) => unpin(api, handle),
    findPins: (label) => findPins(api, label),
    containers: () => listContainers(api),
    execInContainer: (id, words, options) => execInContainer(api, { id, words }, options),
    stopContainer: (id) => stopContainer(api, id),
    signalContainer: (id, signal) => signalContainer(api, id, signal),
    restartContainer: (id) => restartContainer(api, id),
    removeContainer: (id) => removeContainer(api, id),
    removeNetworks: (project) => removeNetworks(api, project),
    findCompose: () => {
      compose ??= findCompose({ ...where, api });
      return compose;
    },
    environment: programEnvironment(where.address, where.env),
    untilBack: waitingFor(connection),
    untilLoadsEnd: (imageIDs, options) => untilLoadsEnd(connection, imageIDs, { ...connection.patience, ...options }),
    close: () => api.close(),
  };
}

/** A socket that we may not open: who may, and the line to type. sudo drops DOCKER_HOST, so the line repeats it. */
function withSudo(error: unknown, where: string, { env, command }: ConnectOptions): unknown {
  if (!(error instanceof DockerError) || error.code !== 'ENGINE_DENIED') return error;
  const host = env['DOCKER_HOST'] ? `DOCKER_HOST=${shellWord(env['DOCKER_HOST'])} ` : '';
  const sudo = command === undefined ? undefined : `sudo ${host}${command}`;
  return new DockerError(`connect to engine at ${where}: expected permission to use its socket, got none`, {
    code: 'ENGINE_DENIED',
    cause: error,
    facts: { engine: where, privilege: 'root', ...(sudo === undefined ? {} : { sudo }) },
    ...(sudo === undefined ? {} : { hint: `run it as root: ${sudo}` }),
  });
}
