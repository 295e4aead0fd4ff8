/** What the command line itself refuses: its own wrong use, a question that nobody answers, an interruption. */
import { FerryError } from '../errors.ts';

/**
 * - `USAGE`: the command line cannot be understood.
 * - `OPTION_FILE`: a file that an option names cannot be read.
 * - `QUESTION_UNANSWERED`: a question, and no terminal to ask on, or no answer.
 * - `INTERRUPTED`: Ctrl-C, or a request to stop.
 */
export type CliCode = 'USAGE' | 'OPTION_FILE' | 'QUESTION_UNANSWERED' | 'INTERRUPTED';

/** The command line was used in a way that cannot work, or the person stopped it. */
export class CliError extends FerryError<CliCode> {}
