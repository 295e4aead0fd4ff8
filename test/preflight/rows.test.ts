// From requirements to rows: what is asked of each, at which address, and whether it is required.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../../src/content/index.ts';
import {
  parseReleaseDocument,
  parseReleaseManifest,
  REQUIREMENT_CHECKS,
  releaseDocument,
} from '../../src/manifest/index.ts';
import { ATRIUM_REQUIREMENTS, CHECK_KINDS, type PlannedRow, planRows } from '../../src/preflight/index.ts';

const MANIFEST = new URL('../../manifests/atrium.yaml', import.meta.url);
const HEAD = 'product: atrium\nrelease: "1"\nplatforms: [linux/amd64]\nimages: [reg.example/a/b:1]\nrequirements:\n';

const parse = (rows: string) => parseReleaseManifest(HEAD + rows, { path: 'm.yaml' }).requirements ?? [];

interface Given {
  readonly at?: Record<string, string>;
  readonly airGapped?: boolean;
  readonly images?: readonly string[];
}

const plan = (rows: Parameters<typeof planRows>[0], { at = {}, airGapped = false, images = [] }: Given = {}) =>
  planRows(rows, { addresses: new Map(Object.entries(at)), airGapped, images });

function atrium(name: string, given: Given = {}): PlannedRow {
  const at = ATRIUM_REQUIREMENTS.findIndex((row) => row.name === name);
  return plan(ATRIUM_REQUIREMENTS, given)[at] as PlannedRow;
}

describe("Atrium's rows", () => {
  it('are those of manifests/atrium.yaml', () => {
    const manifest = parseReleaseManifest(readFileSync(MANIFEST, 'utf8'), { path: 'atrium.yaml' });
    expect(manifest.requirements).toEqual(ATRIUM_REQUIREMENTS);
  });

  it.each([
    ['80', "HTTP → HTTPS redirect. Required for Let's Encrypt HTTP-01 challenge.", undefined],
    ['443', 'HTTPS — dashboard, API, kiosk, agent WebSocket.', undefined],
    ['ghcr.io', 'Container image pulls', 'Cannot update. Current version continues to work.'],
    ['*.ghcr.io', 'Container image pulls', 'Cannot update. Current version continues to work.'],
    [
      'cp.atrium.sprocksystems.de',
      'Control Plane check-in',
      'License grace period starts (30 days). After grace period: read-only mode.',
    ],
    [
      'acme-v02.api.letsencrypt.org',
      'TLS certificate issuance/renewal',
      'Certificate renewal fails. Use custom certificates instead.',
    ],
  ])('have %s in the words of the page', (where, purpose, impact) => {
    const row = ATRIUM_REQUIREMENTS.find(({ destination, port, direction }) =>
      direction === 'inbound' ? String(port) === where : destination === where,
    );
    expect(row).toMatchObject({ purpose, ...(impact && { impact }) });
  });

  it.each([
    ['Your SMTP server', 'Email delivery', 'If SMTP is configured'],
    ['Your OIDC provider (e.g., login.microsoftonline.com)', 'User authentication', 'If using external IdP'],
    ['CRM APIs (e.g., *.salesforce.com)', 'CRM integration', 'If CRM integration is configured'],
    ['Calendar APIs (e.g., graph.microsoft.com)', 'Calendar integration', 'If calendar integration is configured'],
  ])('have %s only when it is configured', (destination, purpose, when) => {
    const row = ATRIUM_REQUIREMENTS.find((other) => other.destination === destination);
    expect(row).toMatchObject({ purpose, when });
    const [planned] = plan([row as (typeof ATRIUM_REQUIREMENTS)[number]]);
    expect(planned).toMatchObject({ required: false, targets: [], why: expect.stringContaining('--at ') });
  });

  it('ask ghcr.io as a registry, and the host of its layers', () => {
    const images = ['ghcr.io/atrium/server:2.1.0', 'other.example/x:1'];
    const here = images.slice(0, 1);
    expect(atrium('images', { images }).targets).toEqual([
      { kind: 'registry', host: 'ghcr.io', port: 443, images: here },
    ]);
    expect(atrium('images-layers', { images }).targets).toEqual([
      { kind: 'blobs', host: 'ghcr.io', port: 443, images: here },
    ]);
    // nobody says where layers are without an image to ask for
    expect(atrium('images-layers').targets).toEqual([
      { kind: 'tls', host: 'pkg-containers.githubusercontent.com', port: 443 },
    ]);
  });

  it('ask DNS for the names of all other destinations', () => {
    const names = atrium('dns', { at: { smtp: 'mail.example', crm: '10.0.0.9' } }).targets;
    expect(names.map(({ host, kind }) => `${kind} ${host}`)).toEqual([
      'dns ghcr.io',
      'dns pkg-containers.githubusercontent.com',
      'dns cp.atrium.sprocksystems.de',
      'dns acme-v02.api.letsencrypt.org',
      'dns mail.example',
    ]);
  });
});

describe('rows that cross with a release', () => {
  const manifest = parseReleaseManifest(readFileSync(MANIFEST, 'utf8'), { path: 'atrium.yaml' });
  const document = releaseDocument({
    ...{ manifest, images: [], index: Buffer.from('{}'), manifestJSON: Buffer.from('[]'), files: [] },
    ...{ sequence: 1, issued: new Date('2026-11-23T12:00:00Z') },
  });

  it('are planned at the site as they were written at the office', () => {
    const { requirements = [] } = parseReleaseDocument(canonicalJSON(document));
    expect(plan(requirements)).toEqual(plan(ATRIUM_REQUIREMENTS));
  });

  it('can be read by the first ferry, which knows two directions and wants a port', () => {
    for (const { direction, port } of document.requirements ?? []) {
      expect(['inbound', 'outbound']).toContain(direction);
      expect(port).toBeGreaterThan(0);
    }
  });
});

describe("a site's own addresses", () => {
  it('make a conditional row required and say what is asked', () => {
    expect(atrium('smtp', { at: { smtp: 'mail.example:2525' } })).toMatchObject({
      required: true,
      at: 'mail.example:2525',
      targets: [{ kind: 'smtp', host: 'mail.example', port: 2525 }],
    });
    expect(atrium('smtp', { at: { smtp: 'mail.example' } }).targets[0]).toMatchObject({ port: 587 });
    expect(atrium('oidc', { at: { oidc: 'https://login.example/realm' } }).targets[0]).toMatchObject({
      ...{ kind: 'oidc', host: 'login.example', port: 443, url: 'https://login.example/realm' },
    });
    expect(atrium('agent', { at: { agent: 'wss://atrium.example/ws' } }).targets[0]).toMatchObject({
      ...{ kind: 'websocket', host: 'atrium.example', port: 443, url: 'wss://atrium.example/ws' },
    });
  });

  it('go by the name of the row, or by its destination', () => {
    const rows = parse('  - {destination: "The time server", purpose: p, port: 123, check: tcp}\n');
    expect(plan(rows)[0]?.why).toContain('--at "The time server"=ADDRESS');
    expect(plan(rows, { at: { 'The time server': '10.0.0.1' } })[0]?.targets).toMatchObject([
      { host: '10.0.0.1', port: 123 },
    ]);
  });
});

describe('an isolated site', () => {
  const given = { airGapped: true, at: { smtp: 'mail.example', crm: 'crm.example' } };
  it.each(['images', 'images-layers', 'control-plane', 'acme', 'crm', 'calendar', 'dns'])(
    'expects %s closed, and requires nothing of it',
    (name) => {
      expect(atrium(name, given)).toMatchObject({ required: false, expected: 'closed' });
    },
  );

  it('needs the mail server that it has, and not the identity provider that it has not', () => {
    expect(atrium('smtp', given)).toMatchObject({ required: true });
    expect(atrium('smtp', given)).not.toHaveProperty('expected');
    expect(atrium('oidc', given)).toMatchObject({ required: false, targets: [] });
  });

  it('is told what being closed means without internet', () => {
    expect(atrium('acme', given).impact).toBe("Must be provided manually. Let's Encrypt is not available.");
    expect(atrium('images', given).impact).toMatch(/^No automatic updates\. Images must be transferred manually/);
    expect(atrium('control-plane', given).impact).toMatch(/^Valid for the grace period .*new check-ins are blocked\.$/);
  });
});

describe('a requirement as people write it', () => {
  it.each([
    ['{destination: db.example, purpose: p}', 'https', 'db.example', 443],
    ['{destination: "db.example:5432", purpose: p}', 'tcp', 'db.example', 5432],
    ['{destination: db.example, port: 5432, purpose: p}', 'tcp', 'db.example', 5432],
    ['{destination: "10.1.2.3:8080", purpose: p, protocol: tcp}', 'tcp', '10.1.2.3', 8080],
    ['{destination: "[fe80::1]:9000", purpose: p}', 'tcp', 'fe80::1', 9000],
    ['{destination: "::1", port: 25, purpose: p}', 'smtp', '::1', 25],
    ['{destination: "https://api.example:8443/v1/x", purpose: p}', 'https', 'api.example', 8443],
    ['{destination: api.example/health, purpose: p}', 'https', 'api.example', 443],
    ['{destination: "wss://live.example/socket", purpose: p}', 'websocket', 'live.example', 443],
    ['{destination: mail.example, check: smtp, purpose: p}', 'smtp', 'mail.example', 587],
    ['{destination: reg.example, purpose: p}', 'registry', 'reg.example', 443],
    ['{destination: "a.example, *.a.example", purpose: p}', 'https', 'a.example', 443],
    ['{destination: "*.a.example", url: "https://www.a.example/", purpose: p}', 'https', 'www.a.example', 443],
    ['{destination: time.example, port: 53, protocol: UDP, purpose: p}', 'dns', 'time.example', 53],
    ['{destination: bücher.example, purpose: p}', 'https', 'xn--bcher-kva.example', 443],
  ])('%s', (row, kind, host, port) => {
    const [planned] = plan(parse(`  - ${row}\n`));
    expect(planned?.targets).toMatchObject([{ kind, host, port }]);
    expect(planned).toMatchObject({ direction: 'outbound', required: true });
  });

  it.each([
    ['{destination: a.example, purpose: p, when: later}', false],
    ['{destination: a.example, purpose: p, when: later, required: true}', true],
    ['{destination: a.example, purpose: p, required: false}', false],
  ])('%s is required: %s', (row, required) => {
    expect(plan(parse(`  - ${row}\n`))[0]).toMatchObject({ required });
  });

  it.each([
    ['{destination: "*.a.example", purpose: p}', /a pattern: no name of it is known/],
    ['{destination: Your mail server, purpose: p}', /--at smtp=ADDRESS/],
    ['{destination: a.example, port: 514, protocol: UDP, purpose: p}', /UDP answers to nobody/],
  ])('%s is not asked, and says why', (row, why) => {
    expect(plan(parse(`  - ${row}\n`))[0]).toMatchObject({ targets: [], why: expect.stringMatching(why) });
  });

  it('takes inbound and internal ones, whoever comes', () => {
    const rows =
      '  - {direction: inbound, destination: Internet / LAN, purpose: p}\n  - {direction: internal, destination: DNS, purpose: p}\n';
    expect(parse(rows)).toMatchObject([{ check: 'listen', port: 443 }, { check: 'docker-dns' }]);
  });

  it.each([
    [
      '{destination: "a.example:99999", purpose: p}',
      /m\.yaml:7: requirements\[1\]\.destination: expected a port from 1 to 65535/,
    ],
    [
      '{destination: "a b.example\\u0007", purpose: p}',
      /m\.yaml:7: requirements\[1\]\.destination: expected .*on one line/,
    ],
    ['{destination: "a..example", purpose: p}', /:7: requirements\[1\]\.destination: expected a host/],
    ['{destination: 10.0.0.300, purpose: p}', /:7: requirements\[1\]\.destination: expected a host/],
    ['{destination: "ftp://a.example", purpose: p}', /:7: .*destination: expected a URL with http/],
    ['{destination: "https://u:secret@a.example", purpose: p}', /:7: .*destination: expected a URL without a user/],
    [
      '{destination: "a.example:80", port: 81, purpose: p}',
      /:7: requirements\[1\]\.port: expected 80 as in the destination, got 81/,
    ],
    ['{destination: a.example, port: 0, purpose: p}', /:7: requirements\[1\]\.port: expected a port from 1/],
    ['{destination: a.example}', /:7: requirements\[1\]\.purpose: expected what it is for/],
    ['{destination: a.example, purpose: p, check: ping}', /:7: requirements\[1\]\.check: expected one of dns, tcp/],
    [
      '{direction: outbound, destination: a.example, purpose: p, check: listen}',
      /:7: .*check: expected a check for outbound, got listen/,
    ],
    ['{destination: a.example, purpose: p, required: "yes"}', /:7: .*required: expected true or false/],
    ['{destination: a.example, purpose: p, needed: true}', /:7: requirements\[1\]\.needed: unknown key/],
    ['{destination: a.example, purpose: p, name: My Mail}', /:7: .*name: expected a name of lower-case/],
    ['{destination: words here, url: "*.x", purpose: p}', /:7: requirements\[1\]\.url: expected a host/],
  ])('%s is refused by its line', (row, message) => {
    const text = `  - {destination: fine.example, purpose: p}\n  - ${row}\n`;
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'MANIFEST_VALUE', message: expect.stringMatching(message) }),
    );
    expect(() => parse(text)).not.toThrow(/secret/);
  });

  it('has the checks that there are', () => {
    expect(REQUIREMENT_CHECKS).toEqual([...CHECK_KINDS, 'listen', 'docker-dns']);
  });

  it('of a later ferry is passed over, and says so', () => {
    const later = { direction: 'outbound', destination: 'a.example', port: 1, purpose: 'p', check: 'telepathy' };
    expect(plan([later])[0]?.why).toBe('this ferry does not know how to check telepathy');
  });
});
