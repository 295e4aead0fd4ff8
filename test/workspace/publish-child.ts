/** A process of its own that lists releases in a workspace: `publish-child.ts DIR NAME COUNT`; prints what it signed. */
import { openWorkspace, publish } from '../../src/workspace/index.ts';
import { NOW, proposal } from '../support/proposals.ts';

const [, , dir = '', name = '', count = ''] = process.argv;
for (let at = 0; at < Number(count); at += 1) {
  const workspace = await openWorkspace(dir, { now: NOW });
  const { release, view } = await publish(workspace, { release: proposal(`${name}-${at}`, name) });
  console.log(
    JSON.stringify({ sequence: release?.sequence, timestamp: view.timestamp.version, name: `${name}-${at}` }),
  );
}
