/** The Docker Engine: what it is, what it has, and putting an image into it that is then proven to be there. */
export type { EngineEnvironment } from './address.ts';
export type { ConnectOptions, Engine } from './engine.ts';
export { connectEngine } from './engine.ts';
export type { DockerCode } from './error.ts';
export { DockerError } from './error.ts';
export type { EngineFacts, Store } from './facts.ts';
export type { EngineImage } from './image.ts';
export { engineImage } from './image.ts';
export type { Inventory, InventoryImage, KnownImage } from './inventory.ts';
export { withImage } from './inventory.ts';
export type { LoadedImage, LoadOptions } from './load.ts';
export { fullName, isSameName } from './name.ts';
export type { Pin } from './pin.ts';
export { PIN_LABEL } from './pin.ts';
export type { ImagePlan } from './plan.ts';
export { expectedID, planImage } from './plan.ts';
export { estimateUnpacked, spaceNeeded, spoolNeeded } from './space.ts';
export type { Patience } from './watch.ts';
