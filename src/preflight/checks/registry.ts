/** Whether images can be pulled: a registry at `/v2/`, a token where it wants one, and the manifest of an image of the release. */
import { openRegistryProbe } from '../../registry/index.ts';
import type { Attempt, Found } from '../attempt.ts';
import type { CheckTarget } from '../outcome.ts';
import { imageOn, registryHost } from './image.ts';

export async function checkRegistry(target: CheckTarget, attempt: Attempt): Promise<Found> {
  const host = registryHost(target);
  const probe = openProbe(target, attempt);
  const answer = await probe.greet(host);
  const { words, facts } = attempt.certificate();
  const by = attempt.byProxy(new URL(`https://${host}`));
  const image = imageOn(target);
  if (image === undefined) {
    const wants = answer === 'open' ? '' : '; it wants credentials, and no image was named to try';
    return { stage: 'protocol', detail: `${host} is a registry${by}${wants}${words}`, facts };
  }
  attempt.at('protocol', `ask ${host} for ${image.repository}`);
  const digest = await probe.digestOf(image);
  return { stage: 'protocol', detail: `${host} has ${image.repository}${by}${words}`, facts: { digest, ...facts } };
}

/** The registry's steps over the connections of an attempt. */
export function openProbe(target: CheckTarget, { client, env, signal }: Attempt) {
  const isPlain = target.url?.startsWith('http://') === true;
  return openRegistryProbe({ client, env, signal, ...(isPlain ? { plainHTTP: new Set([registryHost(target)]) } : {}) });
}
