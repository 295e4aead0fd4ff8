/**
 * Ferry's own executable as a step: copied from the medium, proven as it flows, synced and tried out, before anything
 * that counts is changed; and what the last step needs to link it, so that one only renames. It reads the medium: it is
 * undone. FORMAT §3.
 */

import { open, symlink } from 'node:fs/promises';
import { asWriteError, runProgram } from '../../content/index.ts';
import { type FerryChange, swapsOf, targetOf } from '../executable/change.ts';
import { executablePath, UNIT, UNIT_FOLDER, versionFolder } from '../executable/places.ts';
import { draftName, dropDrafts, prepare, swapBack, swapOn } from '../executable/swap.ts';
import { type RunProgram, tryOut } from '../executable/trial.ts';
import { hostPath } from '../files/host-path.ts';
import { type Label, labelWith } from '../files/label.ts';
import { removeFolders } from '../files/unstage-files.ts';
import { provenEntry } from '../look/medium.ts';
import { bundleFor, type Site, type Step, type StepKind } from './step.ts';

/** The step that places the executable; none where it stands, and is linked, already. */
export function placeFerry(data: FerryChange | undefined): Step<FerryChange> | undefined {
  return data && { kind: 'place', name: `place ferry ${data.version}`, data };
}

export interface PlaceOptions {
  /** Gives a new file its SELinux label. */
  readonly label: Label;
  readonly run: RunProgram;
}

/** The kind, with what it asks of the system. */
export function placeKind({ label, run }: PlaceOptions): StepKind<FerryChange> {
  return {
    isResumable: false,
    apply: async (data, site) => {
      const { executable, link, unit } = swapsOf(data);
      for (const path of data.made) await site.tree.make(path);
      if (executable !== undefined) await prepare(executable, site, (path) => writeExecutable(path, data, site, label));
      // one that is replaced is in use: it goes when all is in
      if (executable !== undefined && data.executable === 'absent') await swapOn(executable, site);
      await tryOut(trialOf(data, site), run);
      if (link !== undefined) await prepare(link, site, (path) => symlink(targetOf(data), path));
      if (unit !== undefined) await prepare(unit, site, (path) => writeUnit(path, data, site, label));
    },
    undo: async (data, site) => {
      const swaps = Object.values(swapsOf(data)).toReversed();
      for (const swap of swaps) {
        await swapBack(swap, site);
        await dropDrafts(swap, site);
      }
      await removeFolders(data.made, site);
    },
    settle: async (data, site) => {
      for (const swap of Object.values(swapsOf(data))) await dropDrafts(swap, site);
    },
  };
}

export const placeStep = placeKind({ label: labelWith(), run: runProgram });

/** What is a program on every system: the policy's own rule for a place below lib is that of a library. */
const A_PROGRAM = '/usr/bin/env';

function writeExecutable(path: string, data: FerryChange, site: Site, label: Label): Promise<void> {
  const source = provenEntry(bundleFor(site), data.entry, data);
  const about = { path, place: executablePath(data.version), source: shown(source, site), mode: 0o755 };
  return writeWhole({ ...about, predecessor: A_PROGRAM }, site, label);
}

async function* shown(source: AsyncIterable<Uint8Array>, { progress, signal }: Site): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    signal?.throwIfAborted();
    yield chunk;
    progress.advance(chunk.length);
  }
}

function writeUnit(path: string, { unit }: FerryChange, site: Site, label: Label): Promise<void> {
  const about = { path, place: `${UNIT_FOLDER}/${UNIT}`, source: [Buffer.from((unit ?? []).join('\n'))], mode: 0o644 };
  return writeWhole({ ...about, predecessor: undefined }, site, label);
}

interface NewFile {
  readonly path: string;
  /** Where it is to stand, for people. */
  readonly place: string;
  readonly source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly mode: number;
  readonly predecessor: string | undefined;
}

async function writeWhole({ path, place, source, mode, predecessor }: NewFile, site: Site, label: Label) {
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of source) await handle.appendFile(chunk);
    await handle.chmod(mode);
    await label({ path, predecessor }).catch((error: unknown) =>
      site.warn(`SELinux label of ${place}: ${String(error)}`),
    );
    await handle.sync();
  } catch (error) {
    throw asWriteError(error, place);
  } finally {
    await handle.close();
  }
}

/** One that is replaced later is tried under the name that it has until then. */
function trialOf({ version, executable }: FerryChange, site: Site) {
  const place = hostPath(site.prefix, executablePath(version));
  const about = { place, version, signal: site.signal };
  if (executable !== 'other') return { ...about, path: place };
  const draft = `${versionFolder(version)}/${draftName({ name: 'ferry' }, site, 'new')}`;
  return { ...about, path: hostPath(site.prefix, draft) };
}
