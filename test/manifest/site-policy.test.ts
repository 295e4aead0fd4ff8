// The operator's own rules: what is granted, what is refused by its line.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY, parseSitePolicy } from '../../src/manifest/index.ts';

const read = (text: string) => parseSitePolicy(text, { path: 'site.yaml' });

describe('parseSitePolicy', () => {
  it('reads folders, backup and restore', () => {
    const text = [
      '# of this host alone',
      'folders: [/srv/atrium, /data/shared]',
      'backup: [/usr/local/sbin/backup-atrium, --keep, "3"]',
      'restore:',
      '  - /bin/sh',
      '  - -c',
      '  - "zcat /srv/backup/last.gz | docker exec -i db psql"',
    ].join('\n');
    expect(read(text)).toEqual({
      folders: ['/srv/atrium', '/data/shared'],
      backup: ['/usr/local/sbin/backup-atrium', '--keep', '3'],
      restore: ['/bin/sh', '-c', 'zcat /srv/backup/last.gz | docker exec -i db psql'],
    });
  });

  it('reads how certificates are put into use', () => {
    const text = [
      'tls:',
      '  reload: [/usr/sbin/nginx, -s, reload]',
      '  probe: "[::1]:8443"',
      '  ca: /etc/atrium/plant-ca.pem',
    ].join('\n');
    expect(read(text).tls).toEqual({
      reload: ['/usr/sbin/nginx', '-s', 'reload'],
      probe: { host: '::1', port: 8443 },
      ca: '/etc/atrium/plant-ca.pem',
    });
    expect(read('tls: {probe: atrium.plant.local:443}\n').tls).toEqual({
      probe: { host: 'atrium.plant.local', port: 443 },
    });
  });

  it('takes every example of the manual', async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/tls.md'), 'utf8');
    const examples = [...text.matchAll(/^```yaml\n(tls:[\s\S]*?)^```$/gm)].map(([, example = '']) => example);
    expect(examples.length).toBeGreaterThan(3);
    for (const example of examples) expect(read(example).tls?.reload).toBeDefined();
  });

  it("reads the site's own addresses for preflight", () => {
    const preflight = { smtp: 'mail.example:587', oidc: 'https://login.example/realm', agent: 'wss://a.example/' };
    expect(read(`preflight: ${JSON.stringify(preflight)}\n`).preflight).toEqual(preflight);
  });

  it.each([
    ['words', 'smtp: our server', /site\.yaml:2: preflight\.smtp: expected a host, host:port or a URL, got our server/],
    ['a pattern', 'crm: "*.crm.example"', /site\.yaml:2: preflight\.crm: expected a host, host:port or a URL/],
    ['a port that is none', 'smtp: mail.example:0', /site\.yaml:2: preflight\.smtp: expected a port/],
    ['a name that is none', 'My Mail: mail.example', /site\.yaml:2: preflight/],
  ])('refuses %s as an address for preflight, by its line', (_what, row, message) => {
    expect(() => read(`preflight:\n  ${row}\n`)).toThrow(
      expect.objectContaining({ code: 'POLICY_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ['nothing', ''],
    ['only a comment', '# later\n'],
    ['an empty map', '{}\n'],
  ])('grants nothing for %s', (_what, text) => {
    expect(read(text)).toEqual(DEFAULT_POLICY);
  });

  it.each([
    ['an unknown key', 'backup: [/b]\nrestroe: [/r]\n', /^read site policy: site\.yaml:2: restroe: unknown key$/],
    ['a command in one string', 'backup: /b --all\n', /site\.yaml:1: backup: expected a list of words.*got \/b --all/],
    [
      'a program without its path',
      '\nbackup: [pg_dump]\n',
      /site\.yaml:2: backup\[0\]: expected the absolute path of a program, got pg_dump/,
    ],
    [
      'a word that is no text',
      'backup: [/b, 3]\n',
      /site\.yaml:1: backup\[1\]: expected a word, got 3 \(put it in quotes\)/,
    ],
    ['no words', 'restore: []\n', /site\.yaml:1: restore: expected a program, got/],
    [
      'a reload in one string',
      'tls:\n  reload: /usr/sbin/nginx -s reload\n',
      /site\.yaml:2: tls\.reload: expected a list of words/,
    ],
    [
      'a probe without a port',
      'tls: {probe: 127.0.0.1}\n',
      /site\.yaml:1: tls\.probe: expected HOST:PORT.*got 127\.0\.0\.1/,
    ],
    ['a port that is none', 'tls: {probe: "127.0.0.1:70000"}\n', /tls\.probe: expected HOST:PORT/],
    ['an address without brackets', 'tls: {probe: "::1:443"}\n', /tls\.probe: expected HOST:PORT/],
    [
      'roots in no absolute place',
      'tls: {ca: ca.pem}\n',
      /site\.yaml:1: tls\.ca: expected an absolute path, got ca\.pem/,
    ],
    ['a list', '- folders\n', /site\.yaml:1: .*got a list/],
    ['no YAML', 'folders: [\n', /site\.yaml:2: /],
    ['a key twice', 'folders: []\nfolders: []\n', /site\.yaml:2: /],
  ])('refuses %s by its line', (_what, text, message) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: 'POLICY_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it.each([
    '/',
    '/etc',
    '/usr',
    '/usr/local',
    '/bin',
    '/boot',
    '/proc/1',
    '/sys',
    '/dev',
    '/root',
    '/var',
    '/var/lib',
    '/tmp/x',
    '/home',
    '/opt',
    '/run/x',
    '/etc/systemd/system',
    '/etc/cron.d',
    '/var/lib/ferry',
    '/var/lib/ferry/releases',
    '/var/lib/docker',
    'srv/atrium',
    '/srv/../etc',
    '/srv//x',
    '/srv/x/',
    '/srv/./x',
    '""',
  ])('lets no release write to %s', (path) => {
    expect(() => read(`backup: [/b]\nfolders:\n  - /srv/good\n  - ${path}\n`)).toThrow(
      expect.objectContaining({
        code: 'POLICY_INVALID',
        message: expect.stringMatching(/^read site policy: site\.yaml:4: folders\[1\]: expected /),
      }),
    );
  });

  it.each(['/srv', '/srv/atrium', '/data', '/etc/nginx', '/home/kiosk', '/var/lib/shared', '/usrlocal'])(
    'takes %s',
    (path) => {
      expect(read(`folders: [${path}]`).folders).toEqual([path]);
    },
  );
});
