/**
 * The folder of the release that is about to be installed, drafted before anything else changes, with all that a later
 * rollback needs: from the bundle, or for a rollback from the folder that is there. FORMAT §7.
 */

import { verified } from '../../content/index.ts';
import type { Digest } from '../../oci/index.ts';
import { OVERRIDE } from '../activation/compose.ts';
import { INSTALLED, type Installed } from '../kept/installed.ts';
import { dropReleases } from '../kept/retention.ts';
import { provenEntry } from '../look/medium.ts';
import { bundleFor, type Site, type Step, type StepKind } from './step.ts';

export interface KeepData {
  readonly sequence: number;
  readonly installed: Installed;
  /** A short text that no document holds, in base64: the override for compose. */
  readonly override?: string;
  /** Files to keep, `release.json` among them. */
  readonly files: readonly KeptFile[];
  /** How many releases stay afterwards, this one included. */
  readonly releases: number;
}

/** A file and where its bytes come from. */
export interface KeptFile {
  /** Its place in the folder: `files/compose.yaml`. */
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
  /** An entry of the bundle, or a path below the state's folder. */
  readonly source: { readonly entry: string } | { readonly stored: string };
}

/** The step that drafts a release's folder. */
export function keep(data: KeepData): Step<KeepData> {
  return { kind: 'keep', name: `keep release ${data.sequence}`, data };
}

export const keepStep: StepKind<KeepData> = {
  isResumable: false,
  apply: async ({ sequence, installed, override, files }, site) => {
    const draft = await site.state.draftRelease(sequence);
    if (override !== undefined) await draft.put(OVERRIDE, Buffer.from(override, 'base64'));
    for (const file of files) await draft.putStream(file.name, open(file, site));
    await draft.putDocument(INSTALLED, { ...installed });
  },
  undo: ({ sequence }, { state }) => state.dropDraft(sequence),
  // comes after the pins of the import are gone: what lent a layer may be what is let go
  settle: ({ releases }, site) => dropReleases(site, { keep: releases }),
};

function open({ source, ...expected }: KeptFile, site: Site): AsyncIterable<Uint8Array> {
  if ('entry' in source) return provenEntry(bundleFor(site), source.entry, expected);
  return verified(site.state.openStored(source.stored), expected);
}
