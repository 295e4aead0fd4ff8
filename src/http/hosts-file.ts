/** What this host's own files say about names: /etc/hosts (hosts(5)), and the search list of /etc/resolv.conf (resolv.conf(5)). */
import { isIP } from 'node:net';

/** The addresses of a name by the text of a hosts file; none where it is not in it. */
export function addressesIn(hosts: string, name: string): string[] {
  const wanted = name.toLowerCase().replace(/\.$/, '');
  const found = hosts.split('\n').flatMap((line) => {
    const [address = '', ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    return isIP(address) && names.some((each) => each.toLowerCase() === wanted) ? [address] : [];
  });
  return [...new Set(found)];
}

/** The names that stand for a name, in the order in which they are asked for: a short one with each domain of the search list first. */
export function candidatesFor(name: string, resolvConf: string): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const { search, ndots } = searchOf(resolvConf);
  const longer = search.map((domain) => `${name}.${domain}`);
  return name.split('.').length - 1 >= ndots ? [name, ...longer] : [...longer, name];
}

/** At most six domains, as the C library has it. The last line of its kind counts. */
function searchOf(resolvConf: string): { search: readonly string[]; ndots: number } {
  let search: string[] = [];
  let ndots = 1;
  for (const line of resolvConf.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'search' || word === 'domain') search = rest.filter((domain) => domain !== '.').slice(0, 6);
    const given = word === 'options' ? /\bndots:(\d{1,2})\b/.exec(line)?.[1] : undefined;
    if (given !== undefined) ndots = Number(given);
  }
  return { search, ndots };
}
