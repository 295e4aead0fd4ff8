/**
 * A program run inside of a running container, as `docker exec` runs it: no terminal, no input, its output bounded. What
 * comes back is what it printed and how it ended; a program that the container does not have is an end like others.
 */
import type { IncomingMessage } from 'node:http';
import type { EngineAPI } from './api.ts';
import { DockerError } from './error.ts';
import { asObject, asText } from './wire.ts';

/** How a program ended. */
export interface ExecEnd {
  /** 126 and 127: the container has no such program. */
  readonly exitCode: number;
  /** The first 64 KiB of what it printed, output and errors as they came. */
  readonly output: string;
}

export interface ExecOptions {
  /** Longer than that is a failure. The program itself is left to end as it likes: engines have no call for that. */
  readonly timeoutMs: number;
}

const MAX_OUTPUT = 64 * 1024;
/** Of a frame: one byte that says which stream, three of padding, the length (Engine API, "Stream format"). */
const FRAME_HEADER = 8;

/**
 * Runs a program in a container.
 * @param words the program and its arguments; no shell.
 * @throws {DockerError} `ENGINE_FAILED`: no such container, or it does not run, or the time is over
 */
export async function execInContainer(
  api: EngineAPI,
  { id, words }: { readonly id: string; readonly words: readonly string[] },
  { timeoutMs }: ExecOptions,
): Promise<ExecEnd> {
  const deadlineMs = timeoutMs;
  const body = { Cmd: words, AttachStdout: true, AttachStderr: true, Tty: false };
  const made = asObject(await api.ask({ method: 'POST', path: `/containers/${id}/exec`, body, deadlineMs }));
  const exec = asText(made['Id']);
  if (!/^[0-9a-f]{64}$/.test(exec)) throw failed(words, 'expected an ID, got none'); // goes into a path
  const output = await readAll(
    await api.stream({ method: 'POST', path: `/exec/${exec}/start`, body: { Detach: false, Tty: false }, deadlineMs }),
    words,
  );
  const ended = asObject(await api.ask({ method: 'GET', path: `/exec/${exec}/json`, deadlineMs }));
  const exitCode = ended['ExitCode'];
  if (typeof exitCode !== 'number') throw failed(words, 'expected it to end, got none');
  return { exitCode, output };
}

async function readAll(answer: IncomingMessage, words: readonly string[]): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_OUTPUT) break;
    }
  } catch (cause) {
    throw failed(words, 'expected it to end, got no end in time', cause);
  }
  return unframed(Buffer.concat(chunks)).toString('utf8');
}

/** The texts of the frames; what was cut off counts as far as it goes. Pure. */
function unframed(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + FRAME_HEADER <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    parts.push(bytes.subarray(at + FRAME_HEADER, at + FRAME_HEADER + length));
    at += FRAME_HEADER + length;
  }
  return Buffer.concat(parts);
}

function failed(words: readonly string[], why: string, cause?: unknown): DockerError {
  return new DockerError(`run ${words.join(' ')} in a container: ${why}`, { code: 'ENGINE_FAILED', cause });
}
