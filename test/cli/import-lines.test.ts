// What a person reads of an import, line by line.
import { describe, expect, it } from 'vitest';
import { importLines } from '../../src/cli/import-lines.ts';
import type { ImportResult } from '../../src/install/index.ts';
import { parseDigest } from '../../src/oci/index.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const ONE = parseDigest(`sha256:${'1'.repeat(64)}`);
const TWO = parseDigest(`sha256:${'2'.repeat(64)}`);

const done: ImportResult = {
  kind: 'release',
  action: 'installed',
  product: 'atrium',
  release: '2.1.0',
  sequence: 7,
  images: [{ name: 'ghcr.io/atrium/server:1', action: 'loaded', imageID: ONE }],
  files: [{ path: '/etc/atrium/a.conf', action: 'kept', digest: ONE }],
  bytesRead: 1200,
  bytesTotal: 3400,
  importableUntil: new Date('2027-11-23T12:00:00Z'),
  warnings: [],
};

describe('importLines', () => {
  it('says of each image and file what became of it', () => {
    expect(importLines(done, NOW)).toEqual([
      'installed atrium 2.1.0 (sequence 7)',
      '  loaded              ghcr.io/atrium/server:1',
      '  kept as it is here  /etc/atrium/a.conf',
      'layers read       1.2 kB of 3.4 kB',
      'importable until  2027-11-23 (365 days)',
    ]);
  });

  it.each([
    ['installed', 'installed           '],
    ['same', 'same                '],
    ['kept-newer', 'newer one kept      '],
    ['skipped', 'left out            '],
  ] as const)('says what became of ferry itself: %s', (action, words) => {
    const ferry = { version: '0.2.0', path: '/usr/local/lib/ferry/0.2.0/ferry', link: '/usr/bin/ferry', digest: ONE };
    const lines = importLines({ ...done, ferry: { ...ferry, action } }, NOW);
    expect(lines[3]).toBe(`  ${words}ferry 0.2.0 → /usr/bin/ferry`);
  });

  it('begins with what an earlier command had left', () => {
    expect(importLines({ ...done, recovered: 'undone' }, NOW)[0]).toBe(
      'undone first: what an earlier command had left',
    );
    expect(importLines({ ...done, recovered: null }, NOW)).toEqual(importLines(done, NOW));
  });

  it('says what a rollback goes back to', () => {
    const before = { ...done, previous: { sequence: 6, release: '2.0.0' } };
    expect(importLines(before, NOW)).toContain('kept              2.0.0 (sequence 6): ferry rollback goes back to it');
    const first = { ...done, previous: { sequence: 0 } };
    expect(importLines(first, NOW)).toContain('kept              what was here before: ferry rollback goes back to it');
  });

  it('ends with containers that must be made anew, and the command that runs the release', () => {
    const recreate = [{ container: 'atrium-proxy-1', path: '/etc/atrium/a.conf' }];
    expect(importLines({ ...done, recreate, activate: ['docker', 'compose', 'up'] }, NOW).slice(-2)).toEqual([
      'atrium-proxy-1 still sees the old /etc/atrium/a.conf until it is made anew (with Compose: up --detach --force-recreate)',
      'to run it: docker compose up',
    ]);
  });

  it('names the engine with all that it is', () => {
    const engine = {
      socket: 'unix:///run/docker.sock',
      id: 'X',
      name: 'docker',
      version: '28.5.1',
      apiVersion: '1.51',
      store: 'containerd',
      rootless: true,
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      local: true,
    } as const;
    expect(importLines({ ...done, engine }, NOW)).toContain(
      'engine            docker 28.5.1, containerd store, unix:///run/docker.sock (API 1.51, linux/arm/v7, rootless)',
    );
  });

  it('of a plan says what would become of each, what room it takes, and what changes', () => {
    const plan = {
      images: [
        { name: 'ghcr.io/atrium/server:1', action: 'load', imageID: ONE, bytes: 1200, replaces: TWO },
        { name: 'ghcr.io/atrium/worker:1', action: 'retag', imageID: ONE, bytes: 0 },
        { name: 'ghcr.io/atrium/proxy:1', action: 'present', imageID: ONE, bytes: 0 },
      ],
      files: [
        {
          name: 'a.conf',
          path: '/etc/atrium/a.conf',
          action: 'changed',
          mode: { from: '0644', to: '0600' },
          why: 'private',
        },
        {
          name: 'b.conf',
          path: '/etc/atrium/b.conf',
          action: 'changed',
          diff: '--- b\n+++ b\n@@ -1 +1 @@\n-x\n+y',
          more: 3,
        },
        { name: 'c.conf', path: '/etc/atrium/c.conf', action: 'new', diff: '+++ c', more: 0 },
        { name: 'd.conf', path: '/etc/atrium/d.conf', action: 'same' },
        { name: 'e.conf', path: '/etc/atrium/e.conf', action: 'kept' },
      ],
      space: [{ path: '/var/lib/docker', needed: 4800, free: 80_000_000_000, what: 'images' }],
    } as const;
    expect(importLines({ ...done, action: 'planned', plan }, NOW)).toEqual([
      'would install atrium 2.1.0 (sequence 7)',
      '  to load             ghcr.io/atrium/server:1  1.2 kB to read, in place of 222222222222',
      '  to retag            ghcr.io/atrium/worker:1',
      '  present             ghcr.io/atrium/proxy:1',
      '  to replace          /etc/atrium/a.conf       mode 0644 to 0600, not shown: not everybody may read it',
      '  to replace          /etc/atrium/b.conf',
      '  to add              /etc/atrium/c.conf',
      '  same                /etc/atrium/d.conf',
      '  kept as it is here  /etc/atrium/e.conf',
      'layers to read           1.2 kB of 3.4 kB',
      'room in /var/lib/docker  4.8 kB for images, 80 GB free',
      'importable until         2027-11-23 (365 days)',
      '--- b\n+++ b\n@@ -1 +1 @@\n-x\n+y',
      '(3 more lines)',
      '+++ c',
    ]);
  });
});
