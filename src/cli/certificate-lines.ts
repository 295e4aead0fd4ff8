/** A certificate that an import or a rollback puts into use, for a person: never its key. */
import { spellOut } from '../errors.ts';
import type { ImportedCertificate } from '../install/index.ts';
import { alignColumns, formatDay } from './format.ts';

/** What it is, and who is told of it, or was. */
export function certificateLines(tls: ImportedCertificate | undefined): string[] {
  if (tls === undefined) return [];
  const { names, notAfter, issuer, action, reload, probe, reloaded, served } = tls;
  const stays = action === 'installed' ? '' : action === 'same' ? ', installed already' : ', kept as it is here';
  const rows: [string, string][] = [
    ['certificate', `${names.map((name) => spellOut(name)).join(', ')}, until ${formatDay(notAfter)}${stays}`],
    ['issuer', spellOut(issuer)],
  ];
  if (reload !== undefined) rows.push(['to reload', reload]);
  if (probe !== undefined) rows.push(['to be served at', probe]);
  if (reloaded !== undefined) rows.push(['reloaded', reloaded]);
  if (served !== undefined) rows.push(['served at', served]);
  return alignColumns(rows);
}
