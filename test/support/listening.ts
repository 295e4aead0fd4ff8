/** Waits until a small server takes connections. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Whether it did, before it ended or 20 seconds were over. */
export async function untilListening(to: { readonly port: number }, isThere: () => boolean): Promise<boolean> {
  const end = performance.now() + 20_000;
  while (isThere() && performance.now() < end) {
    if (await takes(to.port)) return true;
    await delay(20);
  }
  return false;
}

function takes(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
