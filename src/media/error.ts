/** Why a stick cannot be laid out, or a copy on it is not believed. */
import { FerryError } from '../errors.ts';

/**
 * - `MEDIUM_FOLDER_MISSING`: the folder to lay out is not there, nor what would hold it.
 * - `KIT_EMPTY`: nothing to lay out: no bundle was named, and none lies there.
 * - `KIT_RELEASES`: several releases were named, where one stick carries one.
 * - `KIT_PRODUCTS`: tars of more than one product would lie on one stick.
 * - `KIT_ROOT`: the newest root of the bundles is not the office's own.
 * - `KIT_PLATFORMS`: a release has two executables for one platform.
 * - `READ_BACK`: what was written reads back as other bytes, or not at all.
 */
export type MediaCode =
  | 'MEDIUM_FOLDER_MISSING'
  | 'KIT_EMPTY'
  | 'KIT_RELEASES'
  | 'KIT_PRODUCTS'
  | 'KIT_ROOT'
  | 'KIT_PLATFORMS'
  | 'READ_BACK';

/** A medium that is not as it must be to travel. */
export class MediaError extends FerryError<MediaCode> {}
