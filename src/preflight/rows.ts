/**
 * From requirements to rows: what is asked of each, at which address, and whether it is required here. Pure; the asking is
 * in `run.ts`. What cannot be asked says why: nothing is guessed.
 */
import { parseAddress, readAddress } from '../manifest/index.ts';
import { AIR_GAPPED_IMPACTS } from './atrium.ts';
import { CHECK_KINDS, type CheckKind, type CheckTarget } from './outcome.ts';

/** A requirement as a manifest or a `release.json` has it; of a later ferry it may say what this one does not know. */
export interface RequirementRow {
  readonly direction: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol?: string | undefined;
  readonly purpose: string;
  readonly impact?: string | undefined;
  readonly when?: string | undefined;
  readonly required?: boolean | undefined;
  readonly check?: string | undefined;
  readonly url?: string | undefined;
  readonly name?: string | undefined;
  readonly remedy?: string | undefined;
}

/** What a row is about: the network as it comes in, goes out, or inside of the host; and the host itself. */
export type Direction = 'inbound' | 'outbound' | 'internal' | 'host';

/** A row before it was asked. */
export interface PlannedRow {
  readonly direction: Direction;
  /** As the requirement has it. */
  readonly destination: string;
  /** The site's own address, where one was given. */
  readonly at?: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly purpose: string;
  readonly required: boolean;
  readonly when?: string;
  readonly impact: string;
  readonly remedy?: string;
  readonly check: string;
  /** Of an isolated site: it answering would be a surprise. */
  readonly expected?: 'closed';
  /** What is asked, all of it; none where `why` says why not, or where the row is about this host. */
  readonly targets: readonly CheckTarget[];
  /** Why nothing can be asked. */
  readonly why?: string;
}

export interface PlanRowsOptions {
  /** Addresses of this site, by the name of a requirement or by its destination. */
  readonly addresses: ReadonlyMap<string, string>;
  /** References of the release's images. */
  readonly images: readonly string[];
  readonly airGapped: boolean;
}

/** What an isolated site may well have of its own, on its own network. */
const LOCAL_CHECKS = ['smtp', 'oidc', 'websocket'];
const MAX_NAMES = 8;

/** The rows, in the order of the requirements. */
export function planRows(requirements: readonly RequirementRow[], options: PlanRowsOptions): readonly PlannedRow[] {
  const rows = requirements.map((requirement) => planRow(requirement, options));
  const names = namesAsked(rows);
  return rows.map((row) => (isNameless(row) ? withNames(row, names) : row));
}

function planRow(requirement: RequirementRow, options: PlanRowsOptions): PlannedRow {
  const { destination, port, purpose, when, name = '' } = requirement;
  const check = requirement.check ?? 'tcp';
  const direction = directionOf(requirement);
  const at = direction === 'outbound' ? (options.addresses.get(name) ?? options.addresses.get(destination)) : undefined;
  const asked = direction === 'outbound' ? askedOf(requirement, { at, images: options.images }) : NOTHING;
  const isLocal = LOCAL_CHECKS.includes(check);
  const isClosedExpected = options.airGapped && direction === 'outbound' && !isLocal;
  const isNeeded = requirement.required ?? (when === undefined || at !== undefined);
  const impact = (options.airGapped ? AIR_GAPPED_IMPACTS[name] : undefined) ?? requirement.impact;
  return {
    ...{ direction, destination, port, purpose, check },
    ...(at !== undefined && { at }),
    protocol: requirement.protocol ?? (port === 53 && check !== 'tcp' ? 'UDP' : 'TCP'),
    // a mail server or an identity provider that an isolated site has is needed there, whatever a manifest says of it
    required: isClosedExpected ? false : isNeeded || (options.airGapped && isLocal && asked.targets.length > 0),
    ...(when !== undefined && { when }),
    impact: impact ?? 'not stated in the manifest',
    ...(requirement.remedy !== undefined && { remedy: requirement.remedy }),
    ...(isClosedExpected && { expected: 'closed' as const }),
    ...asked,
  };
}

function directionOf({ direction, check }: RequirementRow): Direction {
  if (check === 'docker-dns' || direction === 'internal') return 'internal';
  return direction === 'inbound' ? 'inbound' : 'outbound';
}

type Asked = Pick<PlannedRow, 'targets' | 'why'>;
const NOTHING: Asked = { targets: [] };

interface AskedOptions {
  readonly at: string | undefined;
  readonly images: readonly string[];
}

function askedOf(requirement: RequirementRow, { at, images }: AskedOptions): Asked {
  const { check, destination, protocol, url, name } = requirement;
  const kind = CHECK_KINDS.find((known) => known === (check ?? 'tcp'));
  if (kind === undefined) return { targets: [], why: `this ferry does not know how to check ${check}` };
  if (protocol === 'UDP' && kind !== 'dns') return { targets: [], why: 'UDP answers to nobody who cannot speak it' };
  const address = readAt(at ?? url ?? destination, at === undefined && url === undefined);
  if (typeof address === 'string') return { targets: [], why: address };
  if (address === undefined) return { targets: [], why: notGiven(name ?? destination) };
  return { targets: targetsFor(kind, { requirement, address, images, isOwn: at !== undefined }) };
}

type HostAddress = Exclude<ReturnType<typeof readAddress>, string>;

/** @returns an address; why there is none, as text; `undefined` where the site has to give it */
function readAt(text: string, isDestination: boolean): HostAddress | string | undefined {
  if (!isDestination) return readAddress(text);
  const address = parseAddress(text);
  if (typeof address === 'string' || address.kind === 'host') return address;
  return address.kind === 'words' ? undefined : 'a pattern: no name of it is known, so none was asked';
}

function notGiven(name: string): string {
  const word = /^[a-z0-9-]+$/.test(name) ? name : JSON.stringify(name);
  return `no address is given: --at ${word}=ADDRESS, or preflight: in site.yaml`;
}

interface TargetOptions {
  readonly requirement: RequirementRow;
  readonly address: HostAddress;
  readonly images: readonly string[];
  /** Whether the address is the site's own: then the kind is as its scheme says. */
  readonly isOwn: boolean;
}

function targetsFor(kind: CheckKind, { requirement, address, images, isOwn }: TargetOptions): readonly CheckTarget[] {
  const { host, url } = address;
  const port = address.port ?? requirement.port;
  const target = { kind: kindFor(kind, isOwn ? url : undefined), host, port, ...(url !== undefined && { url }) };
  if (kind !== 'registry' && kind !== 'blobs') return [target];
  const authority = port === 443 ? host : `${host}:${port}`;
  const here = images.filter((image) => image.startsWith(`${authority}/`));
  if (kind === 'registry') return [{ kind, host, port, images: here }];
  // without an image nobody says where its layers are: then the host that is known for it is asked
  const known = parseAddress(requirement.destination);
  const place = typeof known === 'string' || known.kind !== 'host' || here.length > 0 ? undefined : known.host;
  return place === undefined
    ? [{ kind, host, port, images: here }]
    : [{ kind: 'tls', host: place, port: requirement.port }];
}

/** A site that gives `wss://…` for what is asked by HTTPS elsewhere has its reasons. */
function kindFor(kind: CheckKind, url: string | undefined): CheckKind {
  if (url !== undefined && /^wss?:/.test(url)) return 'websocket';
  return kind;
}

/** DNS for "the destinations above": those that the other rows ask by a name. */
function isNameless({ check, direction, at, why }: PlannedRow): boolean {
  return check === 'dns' && direction === 'outbound' && at === undefined && why !== undefined;
}

function namesAsked(rows: readonly PlannedRow[]): readonly string[] {
  const hosts = rows
    .filter(({ direction, check }) => direction === 'outbound' && check !== 'dns')
    .flatMap(({ targets }) => targets.map(({ host }) => host))
    .filter((host) => /[a-z]/i.test(host) && host.includes('.') && !host.includes(':'));
  return [...new Set(hosts)].slice(0, MAX_NAMES);
}

function withNames({ why: _why, ...row }: PlannedRow, names: readonly string[]): PlannedRow {
  if (names.length === 0) return { ...row, why: 'no destination is asked by a name' };
  return { ...row, targets: names.map((host) => ({ kind: 'dns', host, port: row.port ?? 53 })) };
}
