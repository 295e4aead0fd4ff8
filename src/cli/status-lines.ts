/** What a status says to a person: what is here, then the facts, then a line for each thing that wants somebody. */
import type { SiteStatus } from '../install/index.ts';
import { alignColumns, formatUntil } from './format.ts';
import { licenseRows } from './license-lines.ts';
import { tlsRows } from './tls-lines.ts';

/** The lines of the result. */
export function statusLines(found: SiteStatus, now: Date): string[] {
  const { images, files, attention } = found;
  return [
    headline(found),
    ...alignColumns(
      [
        ...images.map(({ name, found: state }) => [state, name]),
        ...files.map(({ path, found: state }) => [state, path]),
      ],
      '  ',
    ),
    ...alignColumns([
      ...runRows(found),
      ...licenseRows(found.license, now),
      ...tlsRows(found.tls),
      ...trustRows(found, now),
    ]),
    ...attention.map((line) => `! ${line}`),
  ];
}

function headline({ product, release, sequence, installed }: SiteStatus): string {
  const when = installed === undefined ? '' : `, installed ${installed.slice(0, 10)}`;
  if (release !== undefined) return `${product} ${release} (sequence ${sequence})${when}`;
  return sequence === 0 ? 'no release is installed: what was here before ferry is back' : 'no release is installed';
}

function runRows({ pending, rollback, activation, oldContainers = [], pins = [] }: SiteStatus): string[][] {
  const rows: string[][] = [];
  if (pending?.process !== undefined) rows.push(['under way', `${pending.title}, by process ${pending.process}`]);
  if (activation !== undefined) rows.push(['started', startedWords(activation)]);
  for (const { container, image } of oldContainers) rows.push(['not started anew', `${container} still runs ${image}`]);
  const isHeld = pins.length > 0 && pins.every(({ ok }) => ok);
  if (isHeld) rows.push(['pins', 'images are held against a prune']);
  if (rollback !== undefined)
    rows.push(['rollback', `to ${rollback.release}${rollback.isRevoked ? ', which is revoked' : ''}`]);
  return rows;
}

function startedWords({ result, at, isSettled }: NonNullable<SiteStatus['activation']>): string {
  return `${result}, ${at.toISOString().slice(0, 10)}${isSettled ? '; it runs now' : ''}`;
}

function trustRows({ site, name, root, catalogue, ferry }: SiteStatus, now: Date): string[][] {
  const rows: string[][] = [];
  if (site !== undefined) rows.push(['site', name === undefined ? site : `${name} (${site})`]);
  if (root) rows.push(['root', `${root.version}, ${root.confirmed ? 'compared' : 'not compared'} with the sheet`]);
  if (catalogue)
    rows.push(['catalogue', `${catalogue.version}, issued ${formatUntil(new Date(catalogue.issued), now)}`]);
  if (catalogue) rows.push(['importable until', formatUntil(new Date(catalogue.expires), now)]);
  if (ferry) rows.push(['ferry', `${ferry.version}, ${ferry.path}`]);
  return rows;
}
