/** The release manifest as the run uses it: read, its platforms replaced where asked, and held to what is done today. */
import { findFileBounded } from '../content/index.ts';
import type { ReleaseManifest } from '../manifest/index.ts';
import { MAX_MANIFEST_TEXT, parseReleaseManifest } from '../manifest/index.ts';
import { digestOf, formatPlatform, parsePlatform } from '../oci/index.ts';
import { ExportError } from './error.ts';
import type { ExportOptions } from './options.ts';

/** A manifest with the key under which an interrupted run of it is found again. */
export interface Source {
  readonly manifest: ReleaseManifest;
  /** Changes when the manifest's text or the platforms do. */
  readonly key: string;
}

/**
 * Reads the manifest.
 * @throws {ManifestError}; {OciError} `PLATFORM_INVALID`; {ExportError} `FEATURE_LATER`, `PRODUCT_DIFFERS`
 */
export async function readSource(options: ExportOptions, product: string): Promise<Source> {
  const bytes = await findFileBounded(options.manifestPath, { max: MAX_MANIFEST_TEXT });
  if (bytes === undefined) {
    throw new ExportError(`export ${options.manifestPath}: expected a release manifest, got no such file`, {
      code: 'SOURCE_FILE',
      hint: 'check the path',
      facts: { path: options.manifestPath },
    });
  }
  const parsed = parseReleaseManifest(bytes.toString('utf8'), { path: options.manifestPath });
  const asked = options.platforms?.map(parsePlatform) ?? [];
  const manifest = asked.length === 0 ? parsed : { ...parsed, platforms: asked };
  checkToday(options);
  if (manifest.product !== product) {
    throw new ExportError(`export ${options.manifestPath}: expected product ${product}, got ${manifest.product}`, {
      code: 'PRODUCT_DIFFERS',
      facts: { expected: product, got: manifest.product },
    });
  }
  const platforms = manifest.platforms.map(formatPlatform).join(' ');
  return { manifest, key: digestOf(Buffer.concat([bytes, Buffer.from(`\0${platforms}`)])) };
}

function checkToday({ ifChanged }: ExportOptions): void {
  if (!ifChanged) return;
  throw new ExportError('export: expected no --if-changed, which ferry does not do yet', {
    code: 'FEATURE_LATER',
    hint: 'leave it out: the same content gives the same bundle, and one that is there is not written again',
  });
}
