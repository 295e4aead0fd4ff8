/** What a part of the torture is, and what it tells: a row for each kind of harm, with how often it was done and how it ended. */

/** Some harm, done to a real `bin/ferry` again and again. */
export interface Part {
  /** What `--only` takes. */
  readonly name: string;
  /** Heading of its rows. */
  readonly title: string;
  /** Does the harm. Leaves no process, mount, container or folder, also when it throws. */
  run(options: PartOptions): Promise<Row[]>;
}

export interface PartOptions {
  /** At most so many points of each row, chosen by the seed; undefined: all. */
  readonly sample: number | undefined;
  /** What every choice by chance is made from. */
  readonly seed: number;
  /** Told what goes on, a line at a time: what was wrong, with all that is needed to see it again. */
  log(line: string): void;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  /** Different places at which harm was done. */
  readonly points: number;
  /** How many such places there are, where not all of them were chosen. */
  readonly of?: number;
  /** Processes killed, where that is the harm. */
  readonly kills?: number;
  /** Ended exactly as before. */
  readonly old?: number;
  /** Ended exactly on the new release. */
  readonly new?: number;
  /** Ended as neither, or not as promised. */
  readonly wrong: number;
  readonly note?: string;
}
