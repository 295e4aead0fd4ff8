/**
 * Platforms, `os/architecture[/variant]` (OCI image-spec v1.1 image-index.md; names by Go's GOOS and GOARCH).
 * Choice follows containerd's platforms.Only: an exact match first, else the nearest older variant of the same CPU.
 */
import { OciError } from './error.ts';

/** What an image runs on. A missing variant means the architecture's first common one. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const PART = /^[a-z0-9][a-z0-9_.-]*$/;
const ALIASES: Readonly<Record<string, readonly [string, string?]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};
/** The variant that a bare architecture stands for; it is left out in the normal form, but for arm, where it is kept. */
const IMPLIED: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8' };

/** Reads `os/architecture[/variant]` into its normal form. @throws {OciError} `PLATFORM_INVALID` */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.split('/');
  const parts = variant === undefined ? [os, architecture] : [os, architecture, variant];
  if (rest.length > 0 || !parts.every((part) => part !== undefined && PART.test(part))) {
    throw new OciError(`read platform: expected os/architecture[/variant], got ${JSON.stringify(text)}`, {
      code: 'PLATFORM_INVALID',
    });
  }
  return normalizePlatform({ os: os as string, architecture: architecture as string, ...(variant ? { variant } : {}) });
}

/** `os/architecture[/variant]`, in normal form. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = normalizePlatform(platform);
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The same platform in the form in which two of them can be compared: linux/arm64/v8 is linux/arm64. */
export function normalizePlatform(platform: Platform): Platform {
  const [architecture, implied] = ALIASES[platform.architecture] ?? [platform.architecture];
  const variant = platform.variant || implied || (architecture === 'arm' ? 'v7' : undefined);
  if (variant === undefined || variant === IMPLIED[architecture]) return { os: platform.os, architecture };
  return { os: platform.os, architecture, variant };
}

/** Whether what is offered runs on what is wanted: the same, or an older variant of the same CPU. */
export function isPlatformMatch(wanted: Platform, offered: Platform): boolean {
  return platformDistance(wanted, offered) !== undefined;
}

/** Variants from wanted down to offered: 0 for the same; `undefined` when it does not run there. */
export function platformDistance(wantedRaw: Platform, offeredRaw: Platform): number | undefined {
  const wanted = normalizePlatform(wantedRaw);
  const offered = normalizePlatform(offeredRaw);
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return undefined;
  const [from, to] = [variantRank(wanted), variantRank(offered)];
  if (from === undefined || to === undefined) return wanted.variant === offered.variant ? 0 : undefined;
  return from >= to ? from - to : undefined;
}

function variantRank(platform: Platform): number | undefined {
  const match = /^v(\d+)$/.exec(platform.variant ?? IMPLIED[platform.architecture] ?? '');
  return match ? Number(match[1]) : undefined;
}
