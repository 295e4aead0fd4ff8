/**
 * Names of images, moved and put back. Engines delete an image along with its last name: a name is therefore never
 * taken from an image without making sure that the image stays, and an image is removed only untagged and unused.
 */
import type { Digest } from '../oci/index.ts';
import type { EngineAPI } from './api.ts';
import { DockerError } from './error.ts';
import type { Connection } from './facts.ts';
import { findImage, NOTHING_LABEL } from './inventory.ts';
import { fullName, splitName } from './name.ts';
import { findPins, pin, unpin } from './pin.ts';
import { failureIn, loadFailed, readReply } from './reply.ts';

/** The ID of the image that has this name now. @throws {OciError} `REFERENCE_INVALID` */
export async function findTag(connection: Connection, name: string): Promise<Digest | undefined> {
  splitName(name); // an engine would take hex digits for the beginning of an ID
  const report = await findImage(connection, name);
  // half way to being taken away, by a process that was killed meanwhile: it names nothing any more
  if (report === undefined || report.isNothing) return undefined;
  return report.tags.includes(fullName(name)) ? report.id : undefined;
}

/** Gives an image a name; an image that had it before stays, without. */
export async function tag(api: EngineAPI, imageID: Digest, name: string): Promise<void> {
  await api.ask({ method: 'POST', path: `/images/${imageID}/tag`, query: splitName(name) });
}

/**
 * Takes a name away; the image stays, dangling if that was its last. No error when nothing has the name. Killed half way,
 * it may be called again.
 */
export async function untag(connection: Connection, name: string): Promise<void> {
  const { api, facts } = connection;
  splitName(name);
  if (facts.store === 'containerd') await letGo(api); // of a run that was killed here
  const report = await findImage(connection, name);
  if (report?.id === undefined || !report.tags.includes(fullName(name))) return;
  if (facts.store === 'podman') {
    // podman's own calls, unlike Docker's, want a version in the path
    const version = /^\d+\.\d+\.\d+/.exec(facts.version)?.[0] ?? '4.0.0';
    await api.ask({ method: 'POST', path: `/v${version}/libpod/images/${report.id}/untag`, query: splitName(name) });
  } else if (report.tags.length > 1 || report.isNothing) {
    await removeName(api, name);
  } else if (facts.store === 'containerd') {
    await untagLastSoftly(connection, report.id, name);
  } else {
    await moveToNothing(api, name);
    await removeName(api, name);
  }
}

/**
 * Removes an image that has no name and no container.
 *
 * @returns true when it was removed; false when it is not there, has a name, or is in use
 */
export async function removeImage(connection: Connection, imageID: Digest): Promise<boolean> {
  const report = await findImage(connection, imageID);
  if (report === undefined || report.tags.length > 0) return false;
  // noprune: its parents, if it has any, were here before us
  const request = { method: 'DELETE', path: `/images/${imageID}`, query: { noprune: '1' } } as const;
  try {
    return (await connection.api.find(request)) !== undefined;
  } catch (error) {
    if (error instanceof DockerError && error.facts['status'] === 409) return false;
    throw error;
  }
}

/** Why the image of a name that is taken away is held for a moment. */
const UNTAGGED = 'untag';

async function removeName(api: EngineAPI, name: string): Promise<void> {
  await api.find({ method: 'DELETE', path: `/images/${name}`, query: { noprune: '1' } });
}

/** Classic store: a name that moves to another image leaves the first one be; here to an image of nothing. */
async function moveToNothing(api: EngineAPI, name: string): Promise<void> {
  for await (const line of readReply(await api.importEmpty(splitName(name), NOTHING_LABEL))) {
    const words = failureIn(line);
    if (words !== undefined) throw loadFailed(name, words);
  }
}

/** containerd store: with a container on the image, a forced removal of its last name leaves it dangling (image_delete.go). */
async function untagLastSoftly(connection: Connection, imageID: Digest, name: string): Promise<void> {
  await pin(connection, imageID, UNTAGGED);
  try {
    await connection.api.find({ method: 'DELETE', path: `/images/${name}`, query: { noprune: '1', force: '1' } });
  } finally {
    await letGo(connection.api);
  }
}

/** What a killed process held for a moment, too. */
async function letGo(api: EngineAPI): Promise<void> {
  for (const { handle } of await findPins(api, UNTAGGED)) await unpin(api, handle);
}
