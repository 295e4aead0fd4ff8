/**
 * Pins: a created, never started, labelled container holds an image against `image prune -a` (seen on 20.10; reference
 * lab.md). `container prune` and `system prune` remove it, so whoever relies on one asks `findPins`. Its name says whose it
 * is, for a person; a pin is known by its label.
 */
import { randomBytes } from 'node:crypto';
import type { Digest } from '../oci/index.ts';
import type { EngineAPI } from './api.ts';
import { DockerError } from './error.ts';
import type { Connection } from './facts.ts';
import { findImage } from './inventory.ts';
import { parseImageID } from './name.ts';
import { asList, asObject, asText } from './wire.ts';

/** The label that a pin is known by; its value says what for. */
export const PIN_LABEL = 'ferry.pin';

/** A pin that is there. */
export interface Pin {
  /** The container's ID. */
  readonly handle: string;
  readonly imageID: Digest | undefined;
  readonly label: string;
}

/** Holds an image. Answers the handle for {@link unpin}. @throws {DockerError} `ENGINE_FAILED` when there is no such image */
export async function pin(connection: Connection, imageID: Digest, label: string): Promise<string> {
  return pinWith(connection, imageID, { label, volumes: (await findImage(connection, imageID))?.volumes ?? [] });
}

/** The same where the volumes that the image declares are known: nothing is asked before the image is held. */
export async function pinWith(
  connection: Connection,
  imageID: Digest,
  { label, volumes }: { readonly label: string; readonly volumes: readonly string[] },
): Promise<string> {
  const body = {
    Image: imageID,
    // images made from scratch may have no command, and an engine wants one; it is never run
    Entrypoint: ['/ferry-pin'],
    Cmd: ['never started'],
    Labels: { [PIN_LABEL]: label },
    // a declared volume would be made, and filled, at once
    HostConfig: { NetworkMode: 'none', Mounts: volumes.map((Target) => ({ Type: 'tmpfs', Target })) },
  };
  const query = { name: nameOf(imageID) };
  const made = asObject(await connection.api.ask({ method: 'POST', path: '/containers/create', query, body }));
  const handle = asText(made['Id']);
  if (/^[0-9a-f]{12,64}$/.test(handle)) return handle;
  throw new DockerError(`pin image ${imageID}: expected a container's ID, got ${JSON.stringify(made).slice(0, 200)}`, {
    code: 'ENGINE_FAILED',
    facts: { engine: connection.facts.socket },
  });
}

/** An image may have several pins, and a request that got no answer may have made one: hence the end. */
function nameOf(imageID: Digest): string {
  const [, hex = ''] = imageID.split(':');
  return `ferry-pin-${hex.slice(0, 12)}-${randomBytes(3).toString('hex')}`;
}

/** Lets go. No error when the pin is gone already. */
export async function unpin(api: EngineAPI, handle: string): Promise<void> {
  await api.find({ method: 'DELETE', path: `/containers/${handle}`, query: { v: '1' } });
}

/** The pins that are there; all, or those with one label. */
export async function findPins(api: EngineAPI, label?: string): Promise<Pin[]> {
  const filters = JSON.stringify({ label: [label === undefined ? PIN_LABEL : `${PIN_LABEL}=${label}`] });
  const list = asList(await api.ask({ method: 'GET', path: '/containers/json', query: { all: '1', filters } }));
  return list.map(asObject).map((container) => ({
    handle: asText(container['Id']),
    imageID: parseImageID(container['ImageID']),
    label: asText(asObject(container['Labels'])[PIN_LABEL]),
  }));
}
