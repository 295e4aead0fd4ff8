/**
 * A syslog for tests: a true datagram socket, as /dev/log is one. Node.js has none for unix, so Debian's perl, which is
 * essential there, listens and tells each datagram as a line.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface TestSystemLog {
  readonly socket: string;
  /** The next datagram, without the time in front of its tag. */
  next(): Promise<string>;
  stop(): Promise<void>;
}

const LISTEN = `
use Socket; $| = 1;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($s, sockaddr_un($ARGV[0])) or die "bind: $!";
print "ready\\n";
while (defined recv($s, my $line, 65536, 0)) { $line =~ s/\\n/<LF>/g; print "$line\\n"; }
`;

/** Listens at a path. */
export async function startSystemLog(socket: string): Promise<TestSystemLog> {
  const child = spawn('/usr/bin/perl', ['-e', LISTEN, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('expected a line in the system log, got its end');
    return String(value).replace(/^<(\d+)>.*? (ferry(?:\[\d+\])?: )/, '<$1>$2');
  };
  if ((await next()) !== 'ready') throw new Error('expected a system log');
  const stop = async () => {
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    await ended;
  };
  return { socket, next, stop };
}
