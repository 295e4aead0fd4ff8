import { describe, expect, it } from 'vitest';
import type { Descriptor } from '../../src/oci/index.ts';
import {
  choosePlatform,
  digestOf,
  formatPlatform,
  isPlatformMatch,
  OCI_MANIFEST,
  parsePlatform,
} from '../../src/oci/index.ts';

const listed = (...platforms: string[]): Descriptor[] =>
  platforms.map((text, i) => ({
    mediaType: OCI_MANIFEST,
    digest: digestOf(Buffer.from(`${i}`)),
    size: 1,
    platform: parsePlatform(text),
  }));
const chosen = (offered: string[], wanted: string): number => {
  const manifests = listed(...offered);
  return manifests.indexOf(choosePlatform(manifests, parsePlatform(wanted)) as Descriptor);
};

describe('parsePlatform', () => {
  it.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/arm/v6', 'linux/arm/v6'],
  ])('reads %s as %s', (text, normal) => {
    expect(formatPlatform(parsePlatform(text))).toBe(normal);
  });

  it.each(['linux', '', 'linux/', '/amd64', 'linux/amd64/v1/x', 'linux/AMD64', 'linux/amd64/'])(
    'refuses %j',
    (text) => {
      expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: 'PLATFORM_INVALID' }));
    },
  );
});

describe('choosePlatform', () => {
  it('takes the first of two that match alike', () => {
    expect(chosen(['linux/arm64', 'linux/amd64', 'linux/amd64'], 'linux/amd64')).toBe(1);
  });

  it('prefers the exact variant to an older one that stands first', () => {
    expect(chosen(['linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7')).toBe(1);
  });

  it('takes the nearest older variant when the exact one is missing', () => {
    expect(chosen(['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v7')).toBe(1);
  });

  it('never takes a newer variant than the CPU has', () => {
    expect(chosen(['linux/arm/v7', 'linux/amd64/v3'], 'linux/arm/v6')).toBe(-1);
    expect(isPlatformMatch(parsePlatform('linux/amd64'), parsePlatform('linux/amd64/v3'))).toBe(false);
  });

  it('takes a bare architecture for its first variant', () => {
    expect(chosen(['linux/arm64'], 'linux/arm64/v8')).toBe(0);
    expect(isPlatformMatch(parsePlatform('linux/amd64/v3'), parsePlatform('linux/amd64'))).toBe(true);
  });
});
