/**
 * The systemd unit that runs `ferry recover` at boot, as text. It does nothing where nothing is pending, comes after the
 * engine, and before whatever unit starts the product, where that is named.
 */

/** The first line of each unit that ferry wrote: only one with it is ever replaced. */
const HEAD = '# /etc/systemd/system/ferry-recover.service, then: systemctl enable ferry-recover';

export interface BootUnitOptions {
  readonly state: string;
  /** What stands before every installed path. */
  readonly prefix: string;
  /** Path of the executable. @default '/usr/bin/ferry' */
  readonly ferry?: string | undefined;
  /** DOCKER_HOST, where it is not the usual one. */
  readonly dockerHost?: string | undefined;
  /** Units that are to wait: `atrium.service`. @default none */
  readonly before?: readonly string[];
}

/** The unit's text. */
export function bootUnit({
  state,
  prefix,
  ferry = '/usr/bin/ferry',
  dockerHost,
  before = [],
}: BootUnitOptions): string {
  const mounts = prefix === '/' ? [state] : [state, prefix];
  const command = [ferry, 'recover', '--state', state, ...(prefix === '/' ? [] : ['--prefix', prefix])];
  return [
    HEAD,
    '[Unit]',
    'Description=Finish or undo an import of ferry that was cut off',
    'Wants=docker.service',
    'After=local-fs.target docker.socket docker.service containerd.service',
    ...(before.length > 0 ? [`Before=${before.join(' ')}`] : []),
    `RequiresMountsFor=${mounts.map(quote).join(' ')}`,
    `ConditionPathExists=${escapeSpecifiers(`${state}/journal.json`)}`,
    '',
    '[Service]',
    'Type=oneshot',
    'RemainAfterExit=yes',
    ...(dockerHost === undefined ? [] : [`Environment=${quote(`DOCKER_HOST=${dockerHost}`)}`]),
    `ExecStart=${command.map(argument).join(' ')}`,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

/** Whether ferry wrote a unit. */
export function isOurUnit(text: string): boolean {
  return text.startsWith(`${HEAD}\n`);
}

/** The units that one of ours was told to let wait. */
export function waitingUnits(text: string): readonly string[] {
  return /^Before=(.*)$/m.exec(text)?.[1]?.match(/\S+/g) ?? [];
}

/** `%` begins a specifier everywhere in a unit (systemd.unit(5)). */
function escapeSpecifiers(text: string): string {
  return text.replaceAll('%', '%%');
}

/** A word as systemd.syntax(7) reads it back. */
function quote(text: string): string {
  const word = escapeSpecifiers(text);
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** In a command line `$` begins a variable as well (systemd.service(5)). */
function argument(text: string): string {
  return quote(text).replaceAll('$', '$$$$');
}
