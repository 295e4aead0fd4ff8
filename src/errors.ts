/**
 * The one base of every error that Ferry throws on purpose. A room has one class of its own on top of it, with its
 * codes; anything else that is thrown is a mistake of ours and is shown with its stack.
 */

/** What an error carries beside its one line. */
export interface FerryErrorOptions<Code extends string> {
  /** What a caller may branch on; unique over all rooms. */
  readonly code: Code;
  readonly cause?: unknown;
  /** What to do, where that depends on facts; otherwise the command line has a sentence for the code. */
  readonly hint?: string;
  /** The things the line names, for `--json`: no secrets. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** What this one sums up, the worst first: each is told by itself. @default none */
  readonly errors?: readonly FerryError[];
}

/** An expected failure: one line that says what was being done, to which thing, what was expected and what was got. */
export class FerryError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly errors: readonly FerryError[];

  constructor(message: string, options: FerryErrorOptions<Code>) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.hint = options.hint;
    this.facts = options.facts ?? {};
    this.errors = options.errors ?? [];
  }
}

/** The same failure, with what it was about in front of its line. */
export function aboutThe(what: string, error: FerryError, more: Readonly<Record<string, unknown>> = {}): FerryError {
  const { code, hint, facts, message } = error;
  return new FerryError(`${what}: ${message}`, {
    code,
    cause: error,
    facts: { ...facts, ...more },
    ...(hint !== undefined && { hint }),
  });
}

/** The line of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Text of others as it may be shown: what acts on a terminal, hides, or turns a line around (Unicode Cc, Cf, Zl, Zp) is
 * spelled out by its number.
 * @param keep characters that stay as they are
 */
export function spellOut(text: string, keep = ''): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    keep.includes(character) ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/**
 * The line of whatever was thrown as a document or a log can hold it: canonical JSON takes no control character.
 * @param max characters; the rest is cut, for some of it are words of programs
 */
export function oneLine(error: unknown, max = 1000): string {
  return messageOf(error)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .slice(0, max);
}
