/** Rights that a role gave who is a superuser where the backup is restored: PostgreSQL writes the owner down instead. */

const item = /((?:"(?:[^"]|"")*"|[^=",])*)=([a-zA-Z*]*)\/((?:"(?:[^"]|"")*"|[^," ])+)/g;

/** Whether two ACLs give the same, and only such a grantor differs. `ordinary`: the target's roles but superusers. */
export function differsByGrantor(expected: string, found: string, ordinary: ReadonlySet<string>): boolean {
  const isOrdinary = (name: string): boolean => ordinary.has(name.replaceAll(/^"|"$/g, ""));
  const grantors = [...expected.matchAll(item)].map(([, , , grantor = ""]) => grantor);
  return !grantors.every(isOrdinary) && held(expected) === held(found);
}

function held(acl: string): string {
  const rights = new Map<string, Map<string, string>>();
  for (const [, grantee = "", letters = ""] of acl.matchAll(item)) {
    const theirs = rights.get(grantee) ?? new Map<string, string>();
    rights.set(grantee, theirs);
    for (const [, letter = "", option = ""] of letters.matchAll(/([a-zA-Z])(\*?)/g)) {
      theirs.set(letter, option || (theirs.get(letter) ?? ""));
    }
  }
  const sorted = [...rights].map(([grantee, letters]) => [grantee, [...letters].toSorted()] as const);
  return JSON.stringify(sorted.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
