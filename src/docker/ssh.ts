/**
 * A connection through OpenSSH's own client, so that known_hosts, keys, agents and ssh_config count as they do for the
 * person who types `ssh`. The far end's `docker system dial-stdio` joins standard input and output to its engine.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';
import { DockerError, quoteEngine } from './error.ts';

/** How `ssh` is run. */
export interface SSHOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** An agent whose every connection is one `ssh` process. Few at once: each is a login of its own. */
export function sshAgent(options: SSHOptions): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  return Object.assign(agent, { createConnection: () => new SSHConnection(options) });
}

/** The two pipes of an `ssh` process as one stream, with as much of a socket about it as node:http wants. */
class SSHConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  #words = '';

  constructor({ args, env }: SSHOptions) {
    super({ allowHalfOpen: true });
    this.#child = spawn('ssh', args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = this.#child;
    stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause();
    });
    stdout.on('error', (error) => this.destroy(error));
    // a far end that is gone shows as the end of its output, with its words: EPIPE would hide them
    stdin.on('error', () => {});
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-4096);
    });
    this.#child.on('error', (cause) => this.destroy(sshFailed(cause.message, cause)));
    this.#child.on('close', (status) => this.#end(status));
  }

  #end(status: number | null): void {
    if (status === 0) this.push(null);
    else this.destroy(sshFailed(this.#words || `status ${status}`));
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // an error here is told by the end of the process, which knows why
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.stdin.destroy();
    this.#child.kill();
    done(error);
  }

  setTimeout(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }

  /** Kept connections must not keep the program alive. */
  unref(): this {
    for (const part of this.#parts()) part.unref?.();
    return this;
  }

  ref(): this {
    for (const part of this.#parts()) part.ref?.();
    return this;
  }

  #parts(): { ref?(): unknown; unref?(): unknown }[] {
    const { stdin, stdout, stderr } = this.#child;
    return [this.#child, stdin, stdout, stderr] as { ref?(): unknown; unref?(): unknown }[];
  }
}

function sshFailed(words: string, cause?: unknown): DockerError {
  return new DockerError(
    `connect to engine by ssh: expected docker system dial-stdio to run, got ${quoteEngine(words)}`,
    {
      code: 'ENGINE_UNREACHABLE',
      hint: 'the same must work by hand: ssh HOST docker version (host key known, login without a question, docker in PATH)',
      cause,
    },
  );
}
