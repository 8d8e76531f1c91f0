// Whether two sets of arguments ask for the same list. Null and left out are the same, here as on the server; the
// order of members counts, for the server's caches it does not, but two lists that a client asked for in two ways are
// two lists to its cache.

/** Arguments that say which part of a list is meant. */
const PAGE = new Set(['after', 'before', 'first', 'last']);

/** One text for equal arguments: which list, whatever its page. */
export function listKey(args: Readonly<Record<string, unknown>> | null | undefined): string {
  return canonical(Object.fromEntries(Object.entries(args ?? {}).filter(([name]) => !PAGE.has(name))));
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value)
    .filter(([, member]) => member != null)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}
