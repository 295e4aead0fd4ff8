/**
 * Atrium's network requirements, row by row and in the words of its page: the default where a manifest has none of its
 * own. `manifests/atrium.yaml` has the same rows; a test holds both equal.
 */
import type { Requirement } from '../manifest/index.ts';

const PULLS = {
  direction: 'outbound',
  port: 443,
  protocol: 'TCP',
  purpose: 'Container image pulls',
  impact: 'Cannot update. Current version continues to work.',
  remedy: 'Carry the images: `ferry export` on a connected machine, `ferry import` here.',
} as const;

/** The rows. */
export const ATRIUM_REQUIREMENTS: readonly Requirement[] = [
  {
    direction: 'inbound',
    destination: 'Internet',
    port: 80,
    protocol: 'TCP',
    purpose: "HTTP → HTTPS redirect. Required for Let's Encrypt HTTP-01 challenge.",
    impact: "No redirect to HTTPS, and no Let's Encrypt HTTP-01 challenge.",
    when: 'Port 80 can be closed if you use DNS-01 challenge or custom certificates.',
    check: 'listen',
    name: 'http',
  },
  {
    direction: 'inbound',
    destination: 'Internet / LAN',
    port: 443,
    protocol: 'TCP',
    purpose: 'HTTPS — dashboard, API, kiosk, agent WebSocket.',
    impact: 'Admin browsers, kiosk tablets, and the Atrium Agent do not reach Atrium.',
    check: 'listen',
    name: 'https',
  },
  { ...PULLS, destination: 'ghcr.io', check: 'registry', name: 'images' },
  { ...PULLS, destination: '*.ghcr.io', check: 'tls', url: 'https://ghcr.io/', name: 'images-hosts' },
  {
    ...PULLS,
    destination: 'pkg-containers.githubusercontent.com',
    purpose: 'Container image pulls: where ghcr.io sends for the layers',
    check: 'blobs',
    url: 'https://ghcr.io/',
    name: 'images-layers',
  },
  {
    direction: 'outbound',
    destination: 'cp.atrium.sprocksystems.de',
    port: 443,
    protocol: 'TCP',
    purpose: 'Control Plane check-in',
    impact: 'License grace period starts (30 days). After grace period: read-only mode.',
    check: 'https',
    name: 'control-plane',
    remedy: 'For extended air-gapped operation, contact support about offline licensing arrangements.',
  },
  {
    direction: 'outbound',
    destination: 'acme-v02.api.letsencrypt.org',
    port: 443,
    protocol: 'TCP',
    purpose: 'TLS certificate issuance/renewal',
    impact: 'Certificate renewal fails. Use custom certificates instead.',
    check: 'acme',
    url: 'https://acme-v02.api.letsencrypt.org/directory',
    name: 'acme',
    remedy: 'Use custom certificates: `ferry tls request` and `ferry tls install`.',
  },
  {
    direction: 'outbound',
    destination: 'Your SMTP server',
    port: 587,
    protocol: 'TCP',
    purpose: 'Email delivery',
    impact: 'No email is delivered.',
    when: 'If SMTP is configured',
    check: 'smtp',
    name: 'smtp',
  },
  {
    direction: 'outbound',
    destination: 'Your OIDC provider (e.g., login.microsoftonline.com)',
    port: 443,
    protocol: 'TCP',
    purpose: 'User authentication',
    impact: 'Nobody signs in through the external IdP. The built-in IdP works fully offline.',
    when: 'If using external IdP',
    check: 'oidc',
    name: 'oidc',
  },
  {
    direction: 'outbound',
    destination: 'CRM APIs (e.g., *.salesforce.com)',
    port: 443,
    protocol: 'TCP',
    purpose: 'CRM integration',
    impact: 'CRM integration is not available.',
    when: 'If CRM integration is configured',
    check: 'https',
    name: 'crm',
  },
  {
    direction: 'outbound',
    destination: 'Calendar APIs (e.g., graph.microsoft.com)',
    port: 443,
    protocol: 'TCP',
    purpose: 'Calendar integration',
    impact: 'Calendar integration is not available.',
    when: 'If calendar integration is configured',
    check: 'https',
    name: 'calendar',
  },
  {
    direction: 'outbound',
    destination: 'Your Atrium server, from the network of the Agent',
    port: 443,
    protocol: 'TCP',
    purpose: 'Agent-to-Server connectivity over WebSocket (WSS)',
    impact: 'The Atrium Agent does not reach the Atrium Server.',
    when: 'If the Agent is on a different network segment than the server',
    check: 'websocket',
    name: 'agent',
    remedy:
      "Ensure outbound HTTPS from the Agent to the server. If there's a proxy, it must support WebSocket upgrades.",
  },
  {
    direction: 'outbound',
    destination: 'External DNS, for the destinations above',
    port: 53,
    protocol: 'UDP',
    purpose: 'DNS resolution',
    impact: 'No outbound connection by name (SMTP, IdP, CRM, Control Plane).',
    when: 'The server only needs external DNS for outbound connections.',
    check: 'dns',
    name: 'dns',
  },
  {
    direction: 'internal',
    destination: "Docker's built-in DNS",
    port: 53,
    protocol: 'UDP',
    purpose: 'Inter-container communication',
    impact: 'Containers of the stack do not find each other.',
    check: 'docker-dns',
    name: 'docker-dns',
    remedy: 'No custom DNS configuration is needed for the stack itself: look at the network of its containers.',
  },
];

const UPDATES = 'No automatic updates. Images must be transferred manually (export/import).';
const NEEDS_OUTSIDE = 'Not available (these require external API access).';

/** What being closed means without internet ("Air-gapped operation"), by the name of a row. */
export const AIR_GAPPED_IMPACTS: Readonly<Record<string, string>> = {
  images: UPDATES,
  'images-hosts': UPDATES,
  'images-layers': UPDATES,
  'control-plane':
    'Valid for the grace period (default: 30 days from last successful check-in). After that, the instance enters read-only mode — existing data is accessible but new check-ins are blocked.',
  acme: "Must be provided manually. Let's Encrypt is not available.",
  smtp: 'Only if an SMTP server is reachable on the local network.',
  oidc: 'Only if the IdP is reachable on the local network (e.g., on-premises Keycloak or ADFS). The built-in IdP works fully offline.',
  crm: NEEDS_OUTSIDE,
  calendar: NEEDS_OUTSIDE,
};
