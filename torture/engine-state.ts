/**
 * What an engine holds, and how to make it hold that again: names are moved back, what is too many is removed, containers
 * that went are made anew from what the engine said of them. An image that went is out of reach: then false.
 */
import { callEngine } from '../test/support/engine-call.ts';
import { tarOf } from '../test/support/images.ts';

interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Status: string };
  readonly Config: Readonly<Record<string, unknown>>;
  readonly HostConfig: Readonly<Record<string, unknown>>;
}

/** Images, the names they have, and every container. */
export interface EngineState {
  readonly images: ReadonlySet<string>;
  readonly tags: ReadonlyMap<string, string>;
  readonly containers: readonly Container[];
}

export async function captureEngine(socket: string): Promise<EngineState> {
  const images = await callEngine<{ Id: string; RepoTags: string[] | null }[]>(socket, '/images/json');
  const tags = images.flatMap(({ Id, RepoTags }) => (RepoTags ?? []).map((tag) => [tag, Id] as const));
  const listed = await callEngine<{ Id: string }[]>(socket, '/containers/json?all=1');
  const containers = await Promise.all(listed.map(({ Id }) => callEngine<Container>(socket, `/containers/${Id}/json`)));
  return {
    images: new Set(images.map(({ Id }) => Id)),
    tags: new Map(tags.filter(([tag]) => tag !== '<none>:<none>')),
    containers,
  };
}

/** Makes it so again. Answers whether that was possible. */
export async function restoreEngine(socket: string, wanted: EngineState): Promise<boolean> {
  const found = await captureEngine(socket);
  if ([...wanted.images].some((id) => !found.images.has(id))) return false;
  const kept = found.containers.filter((container) => wanted.containers.some((other) => isSame(container, other)));
  for (const { Id } of found.containers.filter((container) => !kept.includes(container))) {
    await callEngine(socket, `/containers/${Id}?force=1&v=1`, { method: 'DELETE' });
  }
  for (const [tag, id] of wanted.tags) if (found.tags.get(tag) !== id) await nameImage(socket, id, tag);
  for (const container of wanted.containers) {
    if (!kept.some((other) => isSame(container, other))) await makeContainer(socket, container);
  }
  const surplus = [...found.tags].filter(([tag]) => !wanted.tags.has(tag));
  for (const [tag, id] of surplus) if (wanted.images.has(id)) await unname(socket, tag);
  for (const id of found.images) {
    if (!wanted.images.has(id)) await callEngine(socket, `/images/${id}?force=1`, { method: 'DELETE' });
  }
  return true;
}

/** A container that was stopped or started again is another one; a dead one is of no use. */
function isSame(one: Container, other: Container): boolean {
  return one.Id === other.Id && one.State.Status === other.State.Status;
}

async function makeContainer(socket: string, { Name, Image, State, Config, HostConfig }: Container): Promise<void> {
  const json = { ...Config, Image, HostConfig };
  const name = encodeURIComponent(Name.slice(1));
  const made = await callEngine<{ Id: string }>(socket, `/containers/create?name=${name}`, { method: 'POST', json });
  // the name of the image that it was made from is what the engine lists, and what compose goes by
  if (State.Status === 'running') await callEngine(socket, `/containers/${made.Id}/start`, { method: 'POST' });
}

async function nameImage(socket: string, id: string, tag: string): Promise<void> {
  const colon = tag.lastIndexOf(':');
  const query = new URLSearchParams({ repo: tag.slice(0, colon), tag: tag.slice(colon + 1) });
  await callEngine(socket, `/images/${id}/tag?${query}`, { method: 'POST' });
}

/** Takes a name from an image that is to stay: the engine would remove an image with its last name. */
async function unname(socket: string, tag: string): Promise<void> {
  const tar = tarOf({ empty: tag });
  await callEngine(socket, `/images/create?fromSrc=-&repo=${encodeURIComponent('localhost/nobody')}&tag=1`, {
    method: 'POST',
    tar,
  });
  const { Id } = await callEngine<{ Id: string }>(socket, '/images/localhost/nobody:1/json');
  await nameImage(socket, Id, tag);
  await callEngine(socket, `/images/${Id}?force=1`, { method: 'DELETE' });
}
