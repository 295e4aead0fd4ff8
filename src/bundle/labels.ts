/**
 * Says of a damaged entry what it is to a person: which layer of which image. For that it reads `release.json` as it
 * lies there, proven or not: a name in an error is all that comes of it.
 */
import { parseJSON } from '../content/index.ts';
import type { Damage } from './error.ts';

/** What an entry is of an image. */
export interface Label {
  readonly image: string;
  readonly part: string;
}

interface Claimed {
  readonly images?: readonly {
    readonly name?: unknown;
    readonly digest?: unknown;
    readonly platforms?: readonly {
      readonly manifest?: unknown;
      readonly config?: unknown;
      readonly layers?: readonly { readonly digest?: unknown }[];
    }[];
  }[];
}

/** The label of each blob by its entry's name, as far as a release.json can be understood. */
export function labelsOf(releaseBytes: Uint8Array): ReadonlyMap<string, Label> {
  const labels = new Map<string, Label>();
  try {
    for (const image of (parseJSON(releaseBytes, 'release.json') as Claimed).images ?? []) addImage(labels, image);
  } catch {
    // Whatever is wrong with release.json is reported where it is judged; here it only means fewer names.
  }
  return labels;
}

/** The same damage with its image and part, where the entry has a label. */
export function labelled(damage: Damage, labels: ReadonlyMap<string, Label>): Damage {
  return { ...damage, ...(damage.entry === undefined ? {} : labels.get(damage.entry)) };
}

function addImage(labels: Map<string, Label>, image: NonNullable<Claimed['images']>[number]): void {
  const add = (digest: unknown, part: string) => {
    const name = String(digest).replace('sha256:', 'blobs/sha256/');
    if (!labels.has(name)) labels.set(name, { image: String(image.name), part });
  };
  for (const { manifest, config, layers = [] } of image.platforms ?? []) {
    add(manifest, 'manifest');
    add(config, 'config');
    layers.forEach(({ digest }, at) => {
      add(digest, `layer ${at + 1} of ${layers.length}`);
    });
  }
  add(image.digest, 'index');
}
