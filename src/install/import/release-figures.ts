/** What the plan of a release comes to: whether it is here already, its images as they are told, and its bytes. Pure. */

import type { Descriptor } from '../../oci/index.ts';
import type { ReceiptImage } from '../records/receipt.ts';
import type { ReleasePlan } from './planned-release.ts';

/** Whether this very release is installed here and all of it is in its place. */
export function isDone({
  current,
  document,
  engine,
  files,
}: Pick<ReleasePlan, 'current' | 'document' | 'engine' | 'files'>): boolean {
  return (
    current !== undefined &&
    document.equals(current.document) &&
    engine.plans.every(({ action, tag }) => action === 'present' && !tag) &&
    files.files.every(({ action }) => action === 'same')
  );
}

/** The images of a release as its receipt and its result tell of them. */
export function imagesOf({ engine }: ReleasePlan): readonly ReceiptImage[] {
  const loads = new Set(engine.plans.filter(({ action }) => action === 'load').map(({ imageID }) => imageID));
  return engine.plans.map(({ image, imageID }) => ({
    name: image.name,
    action: loads.has(imageID) ? 'loaded' : 'present',
    imageID,
  }));
}

/** Bytes of layers that have to be read. */
export function bytesOf({ engine }: ReleasePlan): number {
  return engine.plans.reduce((total, { bytes }) => total + bytes, 0);
}

/** Bytes of all layers that this engine runs, each once. */
export function totalBytes({ engine }: ReleasePlan): number {
  const layers = new Map<string, Descriptor>();
  for (const { image } of engine.plans) for (const layer of image.platform.layers) layers.set(layer.digest, layer);
  return [...layers.values()].reduce((total, { size }) => total + size, 0);
}
