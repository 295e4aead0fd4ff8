/** What the approval sheet says of a release: from signed metadata alone, held to the office's own root. No layer is read. */
import { openBundle, proveContents } from '../bundle/index.ts';
import { digestHex } from '../oci/index.ts';
import { type Fingerprint, fingerprint } from '../trust/index.ts';
import { MediaError } from './error.ts';
import { executablesOf } from './executables.ts';
import { judgeTars } from './judge.ts';
import { readTar } from './tars.ts';

export interface SheetFactsOptions {
  /** Path of a release bundle. */
  readonly bundle: string;
  /** The workspace's root.json: its fingerprint is on the sheet. */
  readonly officeRoot: Uint8Array;
  readonly now: Date;
  readonly buildTime?: Date | undefined;
}

/** A release as the sheet shows it. */
export interface ReleaseFacts {
  readonly product: string;
  readonly release: string;
  readonly sequence: number;
  readonly issued: string;
  readonly importableUntil: Date;
  /** Of the office's root. */
  readonly fingerprint: Fingerprint;
  /** Under the names that they have in a kit. */
  readonly executables: readonly {
    readonly name: string;
    readonly version: string;
    readonly platform: string;
    readonly sha256: string;
    readonly size: number;
  }[];
  readonly images: readonly { readonly name: string; readonly configs: readonly string[]; readonly size: number }[];
  /** Bytes of the tar. */
  readonly size: number;
}

/**
 * Reads what goes on the sheet.
 * @throws {MediaError} `KIT_ROOT` when the bundle does not lead to the office's root, `KIT_EMPTY` when it holds no
 * release; {BundleError}, {TrustError}
 */
export async function readReleaseFacts({ bundle: path, ...options }: SheetFactsOptions): Promise<ReleaseFacts> {
  const tar = await readTar(path);
  const { release } = tar;
  if (release === undefined) {
    throw new MediaError(`read ${path}: expected a release, got a tar without one`, {
      code: 'KIT_EMPTY',
      hint: 'name the bundle of a release: overlays and catalogues need no sheet of their own',
      facts: { path },
    });
  }
  const { importableUntil } = judgeTars([tar], options);
  const { product, release: name, sequence, issued } = release;
  return {
    ...{ product, release: name, sequence, issued, importableUntil, size: tar.size },
    fingerprint: fingerprint(options.officeRoot),
    executables: executablesOf(release).map(({ digest, name, version, platform, size }) => {
      return { name, version, platform, size, sha256: digestHex(digest) };
    }),
    images: await imageFacts(path, release),
  };
}

async function imageFacts(path: string, release: Parameters<typeof proveContents>[1]): Promise<ReleaseFacts['images']> {
  const bundle = await openBundle(path);
  try {
    const { images } = await proveContents(bundle, release);
    return images.map(({ name, platforms, blobs }) => ({
      name,
      configs: [...new Set(platforms.map(({ config }) => config.digest))],
      size: blobs.reduce((sum, { size }) => sum + size, 0),
    }));
  } finally {
    await bundle.close();
  }
}
