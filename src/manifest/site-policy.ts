/**
 * `site.yaml`: what the operator of one site allows and wants, beyond what a release may ask for by itself. FORMAT §3
 * "Where it may write" and "What it may run", §7. Strict: an unknown key or a wrong value is named with its line, since
 * a misspelt `restore` would be missed when it is needed most.
 */
import * as z from 'zod';
import { destinationProblem } from './destination.ts';
import { findHostPort, type HostPort } from './host-port.ts';
import { readAddress } from './requirement.ts';
import { REQUIREMENT_NAME } from './schema.ts';
import { readYaml } from './yaml.ts';

/** The operator's own rules. */
export interface SitePolicy {
  /** More folders that releases may write to, absolute. */
  readonly folders: readonly string[];
  /** The words of the command that backs up the product's data; runs first where `dataRollback` is `restore`. */
  readonly backup?: readonly string[];
  /** The words of the command that puts the last backup back. */
  readonly restore?: readonly string[];
  readonly tls?: TLSPolicy;
  /** This site's own addresses, by the name of the requirement: `smtp: mail.example:587`. */
  readonly preflight?: Readonly<Record<string, string>>;
}

/** How certificates are put into use at this site. */
export interface TLSPolicy {
  /** The words of the command that tells whoever serves them; goes before what the release says. */
  readonly reload?: readonly string[];
  /** Where they are served, to be looked at. */
  readonly probe?: HostPort;
  /** A PEM file of roots that certificates may come from, beside those of the system. */
  readonly ca?: string;
}

/** A site without a `site.yaml`. */
export const DEFAULT_POLICY: SitePolicy = { folders: [] };

/** Nothing of these is ever a release's: whoever may write there owns the machine, ferry or the engine. */
const SYSTEM_TREES = [
  '/bin',
  '/boot',
  '/dev',
  '/etc/apt',
  '/etc/cron.d',
  '/etc/cron.daily',
  '/etc/cron.hourly',
  '/etc/cron.monthly',
  '/etc/cron.weekly',
  '/etc/docker',
  '/etc/init.d',
  '/etc/ld.so.conf.d',
  '/etc/modprobe.d',
  '/etc/pam.d',
  '/etc/profile.d',
  '/etc/security',
  '/etc/ssh',
  '/etc/ssl',
  '/etc/sudoers.d',
  '/etc/systemd',
  '/etc/udev',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/sys',
  '/tmp',
  '/usr',
  '/var/lib/containerd',
  '/var/lib/docker',
  '/var/lib/dpkg',
  '/var/lib/ferry',
  '/var/lib/rpm',
  '/var/lib/systemd',
  '/var/run',
  '/var/spool/cron',
  '/var/tmp',
];

/** Many share these: a release gets a folder in one, never the whole. */
const SHARED_FOLDERS = [
  '/etc',
  '/home',
  '/media',
  '/mnt',
  '/opt',
  '/var',
  '/var/cache',
  '/var/lib',
  '/var/log',
  '/var/opt',
  '/var/spool',
];

const PROBE = 'expected HOST:PORT, such as 127.0.0.1:443';

const folder = z.string({ error: 'expected an absolute path' }).superRefine((path, context) => {
  const problem = folderProblem(path);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

const word = z
  .string({ error: 'expected a word' })
  .regex(/^[^\p{Cc}]{1,4096}$/u, { error: 'expected a word, on one line' });
const command = z
  .array(word, { error: 'expected a list of words, such as [/usr/local/sbin/backup-atrium, --quick]' })
  .min(1, { error: 'expected a program' })
  .max(100)
  .superRefine(([program = '/'], context) => {
    // found by PATH it would be another one under sudo than in the boot unit
    if (program.startsWith('/')) return;
    context.addIssue({ code: 'custom', message: 'expected the absolute path of a program', path: [0] });
  });

const address = z.string({ error: PROBE }).transform((text, context) => {
  const found = findHostPort(text);
  if (found === undefined) context.addIssue({ code: 'custom', message: PROBE });
  return found ?? z.NEVER;
});
const path = z
  .string({ error: 'expected an absolute path' })
  .regex(/^\/[^\p{Cc}]{1,4095}$/u, { error: 'expected an absolute path' });
const tls = z.strictObject({
  reload: command.optional(),
  probe: address.optional(),
  ca: path.optional(),
});

const ownAddress = z.string({ error: 'expected a host, host:port or a URL' }).superRefine((text, context) => {
  const read = readAddress(text);
  if (typeof read === 'string') context.addIssue({ code: 'custom', message: read });
});
const preflight = z.record(
  z.string().regex(REQUIREMENT_NAME, { error: 'expected a name such as smtp, oidc, crm, calendar or agent' }),
  ownAddress,
  { error: 'expected names and addresses, such as {smtp: mail.example:587}' },
);

const policy = z.strictObject({
  folders: z.array(folder, { error: 'expected a list of folders' }).max(100).optional(),
  backup: command.optional(),
  restore: command.optional(),
  tls: tls.optional(),
  preflight: preflight.optional(),
});

/**
 * Reads a `site.yaml`; an empty one is {@link DEFAULT_POLICY}.
 * @throws {ManifestError} `POLICY_INVALID` with `path:line` in the message.
 */
export function parseSitePolicy(text: string, { path }: { readonly path: string }): SitePolicy {
  const yaml = readYaml(text, path, { what: 'site policy', code: 'POLICY_INVALID' });
  const parsed = policy.safeParse(yaml.value ?? {});
  if (!parsed.success) throw yaml.schemaError(parsed.error.issues);
  const { folders = [], backup, restore, tls, preflight } = parsed.data;
  return {
    folders,
    ...(backup && { backup }),
    ...(restore && { restore }),
    ...(preflight && { preflight }),
    ...(tls && { tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)) }),
  };
}

/** Why a folder is none that releases or certificates may have, in words that follow its name; `undefined` when it is one. */
export function folderProblem(path: string): string | undefined {
  const odd = path === '/' || path === '' ? 'expected a folder below /' : destinationProblem(`${path}/file`, [path]);
  if (odd !== undefined) return odd;
  const tree = SYSTEM_TREES.find((system) => path === system || path.startsWith(`${system}/`));
  if (tree !== undefined) return `expected a folder outside of ${tree}`;
  return SHARED_FOLDERS.includes(path) ? 'expected a folder of its own below that' : undefined;
}
