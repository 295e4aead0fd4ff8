/** What can go wrong between Ferry and a Docker Engine. */
import { FerryError } from '../errors.ts';

export type DockerCode =
  | 'ENGINE_ADDRESS'
  | 'ENGINE_NOT_RUNNING'
  | 'ENGINE_DENIED'
  | 'ENGINE_UNREACHABLE'
  | 'ENGINE_TLS'
  | 'ENGINE_UNSUPPORTED'
  | 'ENGINE_FAILED'
  | 'ENGINE_NO_SPACE'
  | 'ENGINE_STALLED'
  | 'ENGINE_CHANGED'
  | 'ENGINE_BUSY'
  | 'LOAD_FAILED'
  | 'IMAGE_MISMATCH'
  | 'WRONG_ARCHITECTURE'
  | 'COMPOSE_MISSING'
  | 'COMPOSE_UNSUPPORTED'
  | 'COMPOSE_FAILED';

/** The engine can't be reached, refuses, or did not do what it said. */
export class DockerError extends FerryError<DockerCode> {}

/** The engine's words, as one short line: they come from outside. */
export function quoteEngine(words: string): string {
  return JSON.stringify(
    words
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, 500),
  );
}
