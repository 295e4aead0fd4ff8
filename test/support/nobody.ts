/** A command as a user who may write nowhere: what root alone may do is refused. Needs root. */

const UID = 65_534;

/**
 * The command line that runs `argv` so. It may read everything, since the checkout may lie in a folder that is root's
 * alone; connecting to a socket is writing.
 */
export function asNobody(argv: readonly string[]): [string, string[]] {
  const identity = [`--reuid=${UID}`, `--regid=${UID}`, '--clear-groups'];
  const capability = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  return ['setpriv', [...identity, ...capability, ...argv]];
}
