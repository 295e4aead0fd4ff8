/** Whether the bytes of images arrive: a blob is asked for as a pull does, and whoever the registry sends one to must answer. */
import { type Attempt, CheckFailure, type Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';
import { imageOn, registryHost } from './image.ts';
import { openProbe } from './registry.ts';

export async function checkBlobs(target: CheckTarget, attempt: Attempt): Promise<Found> {
  const image = imageOn(target);
  const host = registryHost(target);
  if (image === undefined) {
    throw new CheckFailure({
      stage: 'protocol',
      detail: `find where ${host} keeps its blobs: expected an image of it, got none`,
      hint: 'only a pull shows where a registry sends for blobs: give a release manifest with images of it',
    });
  }
  const source = await openProbe(target, attempt).blobSource(image);
  const { words, facts } = attempt.certificate();
  const whose = source.host === host ? `${host} itself` : `${source.host}, where ${host} sends for them`;
  const detail = `blobs of ${image.repository} come from ${whose}${attempt.byProxy(source)}${words}`;
  return { stage: 'protocol', detail, facts: { blobHost: source.host, ...facts } };
}
