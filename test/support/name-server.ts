/** A small true name server (RFC 1035) on a UDP port of loopback: addresses by a table, NXDOMAIN for the rest, or silence. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface NameServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** `A name` or `AAAA name`, as they came. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA' };

/** @param addresses `A name` → its IPv4 addresses; `silent` for a question that is not answered */
export async function startNameServer(
  addresses: Readonly<Record<string, readonly string[] | 'silent'>>,
): Promise<NameServer> {
  const asked: string[] = [];
  const server = createSocket('udp4');
  server.on('message', (message, { port, address }) => {
    const { name, end } = readName(message);
    const type = TYPES[message.readUInt16BE(end)] ?? '?';
    asked.push(`${type} ${name}`);
    const found = addresses[`${type} ${name}`];
    if (found === 'silent') return;
    const isKnown = found !== undefined || Object.keys(addresses).some((key) => key.endsWith(` ${name}`));
    const head = Buffer.from(message.subarray(0, 12));
    head.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2);
    head.writeUInt16BE(found?.length ?? 0, 6);
    head.writeUInt32BE(0, 8);
    const answers = (found ?? []).map((ip) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...ip.split('.').map(Number)]),
    );
    server.send(Buffer.concat([head, message.subarray(12, end + 4), ...answers]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.close();
    await once(server, 'close');
  };
  return { address: `127.0.0.1:${server.address().port}`, asked, stop };
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}
