/**
 * What matters on a site without internet: the engine, room, the clock, how long certificate and licence last. Each is a
 * row of its own, required, with what its failing means. `Air-gapped operation` of the requirements.
 */
import { dirname } from 'node:path';
import { isErrno, mediumOf } from '../content/index.ts';
import type { Engine } from '../docker/index.ts';
import { AIR_GAPPED_IMPACTS } from './atrium.ts';
import type { PlannedRow } from './rows.ts';
import type { Looked, SiteFacts } from './site.ts';

/** Days from which a certificate or licence must be under way: a courier takes a while. As `status` says it. */
const URGENT_DAYS = 14;
/** Where nobody knows how much a release takes. */
const ROOM = 2e9;
/** A system clock this far from all that is known is nobody's time. */
const MAX_YEARS_AHEAD = 10;

const row = (check: string, fields: Pick<PlannedRow, 'destination' | 'purpose' | 'impact'>): PlannedRow => ({
  direction: 'host',
  required: true,
  check,
  targets: [],
  ...fields,
});

/** The rows, in the order in which they are shown. */
export const HOST_ROWS: readonly PlannedRow[] = [
  row('engine', {
    destination: 'Docker Engine',
    purpose: 'Images are loaded into it, and it runs the stack',
    impact: 'Nothing can be imported, and nothing runs.',
  }),
  row('space', {
    destination: 'Room on the disks',
    purpose: 'For images and for what an import keeps',
    impact: 'An import stops before it changes anything.',
  }),
  row('clock', {
    destination: 'Clock of this host',
    purpose: 'Certificates, licence and catalogue are judged by it',
    impact: 'What is valid is taken for ended, or the other way round.',
  }),
  row('certificate', {
    destination: 'TLS certificate',
    purpose: 'HTTPS without a certificate authority on the internet',
    impact: AIR_GAPPED_IMPACTS['acme'] ?? '',
  }),
  row('license', {
    destination: 'License',
    purpose: 'Offline licence in the place of the Control Plane check-in',
    impact: AIR_GAPPED_IMPACTS['control-plane'] ?? '',
  }),
];

export interface LookAtHostOptions {
  readonly site: SiteFacts;
  readonly now: Date;
  /** The engine, or the line that says why there is none. */
  readonly engine: Promise<Engine | string>;
}

/** Looks at what a row is about. */
export async function lookAtHost(check: string, options: LookAtHostOptions): Promise<Looked> {
  const { site, now } = options;
  if (check === 'engine') return lookAtEngine(await options.engine);
  if (check === 'space') return await lookAtSpace(await options.engine, site);
  if (check === 'clock') return lookAtClock(site, now);
  return check === 'certificate' ? lookAtCertificate(site) : lookAtLicense(site);
}

function lookAtEngine(engine: Engine | string): Looked {
  if (typeof engine === 'string') {
    const remedy = 'start it (`systemctl start docker`), set DOCKER_HOST, or run this with sudo';
    return { ok: false, result: engine, remedy };
  }
  const { name, version, store, socket, apiVersion } = engine.facts;
  const facts = { name, version, store, socket, apiVersion };
  return { ok: true, result: `${name} ${version}, ${store} store, at ${socket}`, facts };
}

async function lookAtSpace(engine: Engine | string, { stateDir, imageBytes = ROOM }: SiteFacts): Promise<Looked> {
  const { dataRoot, local = false } = typeof engine === 'string' ? {} : engine.facts;
  const isSeen = local && dataRoot !== undefined;
  const state = { path: stateDir, free: await freeAt(stateDir) };
  const images = isSeen ? { path: dataRoot, free: await freeAt(dataRoot) } : undefined;
  const result = [images, state]
    .filter((disk) => disk !== undefined)
    .map(({ path, free }) => `${size(free)} free at ${path}`)
    .join(', ');
  const facts = { disks: [images, state].filter((disk) => disk !== undefined), wanted: imageBytes };
  if (images === undefined) {
    return { ok: null, result: `${result}; where the engine keeps images cannot be seen from here`, facts };
  }
  if (images.free >= imageBytes) return { ok: true, result, facts };
  const remedy = 'make room: `docker image prune`, or a larger disk';
  return { ok: false, result: `${result}: expected ${size(imageBytes)} for images`, remedy, facts };
}

/** Of a folder, or of what there is above it. */
async function freeAt(path: string): Promise<number> {
  try {
    return (await mediumOf(path)).free;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES') && path !== '/') return freeAt(dirname(path));
    throw error;
  }
}

function size(bytes: number): string {
  return bytes < 1e9 ? `${Math.floor(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function lookAtClock({ provenTime, buildTime }: SiteFacts, now: Date): Looked {
  const shown = (date: Date) => `${date.toISOString().slice(0, 16)}Z`;
  const known = [
    ...(provenTime ? [{ at: provenTime, what: 'the catalogue that was proven here' }] : []),
    ...(buildTime ? [{ at: buildTime, what: 'this ferry itself' }] : []),
  ].toSorted((a, b) => b.at.getTime() - a.at.getTime());
  const [newest] = known;
  const remedy = 'set it by hand (`timedatectl set-time`), or let it follow a time server of the local network';
  const facts = { system: now, ...(provenTime && { proven: provenTime }) };
  if (newest === undefined) return { ok: null, result: `${shown(now)}; nothing is known to compare it with`, facts };
  if (now < newest.at) {
    const result = `${shown(now)}: expected it after ${shown(newest.at)}, when ${newest.what} was made`;
    return { ok: false, result, remedy, facts };
  }
  if (now.getUTCFullYear() - newest.at.getUTCFullYear() > MAX_YEARS_AHEAD) {
    return { ok: false, result: `${shown(now)}: expected a year near ${newest.at.getUTCFullYear()}`, remedy, facts };
  }
  return { ok: true, result: `${shown(now)}, later than all that is known (${shown(newest.at)})`, facts };
}

const NEW_CERTIFICATE = 'make a request and have it signed (`ferry tls request`), then `ferry tls install`';

function lookAtCertificate({ certificate }: SiteFacts): Looked {
  const remedy = NEW_CERTIFICATE;
  if (certificate === undefined) return { ok: false, result: 'none is installed', remedy };
  const { path, problem, daysLeft, level, notAfter, names = [], keyMatches } = certificate;
  if (problem !== undefined) return { ok: false, result: `${path}: ${problem}`, remedy };
  if (daysLeft === undefined || notAfter === undefined) return { ok: false, result: `none at ${path}`, remedy };
  const facts = { path, names, notAfter, daysLeft };
  const until = `${names.slice(0, 2).join(', ')}: until ${day(notAfter)} (${days(daysLeft)})`;
  if (keyMatches === false) return { ok: false, result: `${until}; its key is another one`, remedy, facts };
  if (level === 'ended') return { ok: false, result: `${names[0] ?? path}: ended ${day(notAfter)}`, remedy, facts };
  if (level === 'not-yet') return { ok: false, result: `${until}; not valid yet`, remedy, facts };
  return daysLeft > URGENT_DAYS ? { ok: true, result: until, facts } : { ok: false, result: until, remedy, facts };
}

function lookAtLicense({ license, wantsLicense, isInstalled }: SiteFacts): Looked {
  const remedy = 'ask for an offline licence, and install it: `ferry license install FILE`';
  if (license === undefined) {
    if (isInstalled && wantsLicense === false) return { ok: null, result: 'the release that is installed wants none' };
    return { ok: false, result: 'none is installed', remedy };
  }
  const { mode, path, problem, daysLeft, validUntil, readOnlyFrom } = license;
  const facts = { path, mode, ...(daysLeft !== undefined && { daysLeft }) };
  if (problem !== undefined) return { ok: false, result: problem, remedy, facts };
  if (mode === 'unknown' || validUntil === undefined) {
    return { ok: null, result: `${path}: it does not say until when`, facts };
  }
  const left = daysLeft === undefined ? '' : ` (${days(daysLeft)})`;
  if (mode === 'read-only') return { ok: false, result: `read-only, ended ${day(validUntil)}`, remedy, facts };
  if (mode === 'grace') {
    return { ok: false, result: `in grace until ${day(readOnlyFrom ?? validUntil)}${left}`, remedy, facts };
  }
  const result = `valid until ${day(validUntil)}${left}`;
  return (daysLeft ?? 0) > URGENT_DAYS ? { ok: true, result, facts } : { ok: false, result, remedy, facts };
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function days(count: number): string {
  return count === 1 ? '1 day left' : `${count} days left`;
}
