/** Access rights as `aclitem[]` writes them, and the statements that turn one set into another. Pure. */
import { quoteIdentifier } from "../postgres/identifiers.ts";
import { ownerAfterRestore } from "./managed.ts";

/** By grantee ("" is PUBLIC): letters of privileges; a following `*` in aclitem is the grant option. */
export interface Rights {
  readonly owner: string | undefined;
  readonly held: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
}

const item = /((?:"(?:[^"]|"")*"|[^=",{}])*)=((?:[a-zA-Z]\*?)*)\/((?:"(?:[^"]|"")*"|[^,"{} ])+)/g;

const words: Readonly<Record<string, string>> = {
  r: "SELECT", w: "UPDATE", a: "INSERT", d: "DELETE", D: "TRUNCATE", x: "REFERENCES", t: "TRIGGER", m: "MAINTAIN",
  U: "USAGE", X: "EXECUTE", C: "CREATE", c: "CONNECT", T: "TEMPORARY",
}; // prettier-ignore

/**
 * The owner's own rights are not part of the result. `asRestored`: as they are once `ownerAfterRestore` owns the
 * object; other grantees keep their names.
 */
export function parseRights(acl: string, { asRestored = false } = {}): Rights {
  const items = [...acl.matchAll(item)].map(([, grantee = "", letters = "", grantor = ""]) => ({
    grantee: unquote(grantee),
    letters,
    grantor: unquote(grantor),
  }));
  const before = (items.find(({ grantee, grantor }) => grantee === grantor) ?? items[0])?.grantor;
  const owner = before === undefined || !asRestored ? before : ownerAfterRestore(before);
  const held = new Map<string, Map<string, boolean>>();
  for (const { grantee, letters } of items) {
    const to = grantee === before ? owner : grantee;
    if (to === undefined || to === owner) continue;
    const rights = held.get(to) ?? new Map<string, boolean>();
    for (const [, letter = "", star] of letters.matchAll(/([a-zA-Z])(\*?)/g)) {
      rights.set(letter, rights.get(letter) === true || star === "*");
    }
    held.set(to, rights);
  }
  return { owner, held };
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** What somebody has without any GRANT. */
function builtIn(identity: string): string {
  if (identity.startsWith("function ")) return "=X/o,o=X/o";
  return identity.startsWith("type ") ? "=U/o,o=U/o" : "";
}

export interface RightsDifference {
  readonly identity: string;
  /** More than in the backup: a leak, until it is taken. */
  readonly extra: readonly string[];
  readonly lacking: readonly string[];
  readonly statements: readonly string[];
}

/** By identity of `listObjects`' kind `acl`; an absent one has what is built in. */
export function compareRights(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
  /** Letters that one of the two versions does not know. */
  ignore: ReadonlySet<string>,
): readonly RightsDifference[] {
  const identities = new Set([...expected.keys(), ...found.keys()]);
  return [...identities].flatMap((identity) => {
    const wanted = parseRights(expected.get(identity) ?? builtIn(identity), { asRestored: true });
    const here = parseRights(found.get(identity) ?? builtIn(identity));
    const owner = here.owner ?? wanted.owner;
    const changes = { identity, extra: [] as string[], lacking: [] as string[], statements: [] as string[] };
    for (const grantee of new Set([...wanted.held.keys(), ...here.held.keys()])) {
      if (grantee === owner || grantee === wanted.owner) continue;
      const [should, does] = [wanted.held.get(grantee), here.held.get(grantee)];
      for (const letter of new Set([...(should?.keys() ?? []), ...(does?.keys() ?? [])])) {
        if (ignore.has(letter)) continue;
        compareOne(changes, { grantee, letter }, should?.get(letter), does?.get(letter));
      }
    }
    return changes.statements.length === 0 ? [] : [changes];
  });
}

function compareOne(
  changes: { identity: string; extra: string[]; lacking: string[]; statements: string[] },
  { grantee, letter }: { readonly grantee: string; readonly letter: string },
  should: boolean | undefined,
  does: boolean | undefined,
): void {
  if (should === does) return;
  const who = grantee === "" ? "PUBLIC" : quoteIdentifier(grantee);
  const said = `${words[letter] ?? letter} for ${who}`;
  const on = onClause(changes.identity, words[letter] ?? letter);
  if (on === undefined) return;
  if (should === undefined || (does ?? false)) {
    changes.extra.push(should === undefined ? said : `the right to grant ${said}`);
    const option = should === undefined ? "" : "grant option for ";
    changes.statements.push(`revoke ${option}${on} from ${who}`);
  } else {
    changes.lacking.push(said);
    changes.statements.push(`grant ${on} to ${who}${should ? " with grant option" : ""}`);
  }
}

const name = String.raw`(?:"(?:[^"]|"")*"|[^\s".]+)`;
const column = new RegExp(`^(${name}\\.${name})\\.(${name})$`, "su");

/** `SELECT ON TABLE public.todos`; undefined for what has no statement of its own. */
function onClause(identity: string, privilege: string): string | undefined {
  const match = /^(schema|relation|column|function|type|large object) (.*)$/s.exec(identity);
  const [, kind, rest = ""] = match ?? [];
  switch (kind) {
    case "schema":
      return `${privilege} on schema ${rest}`;
    case "relation":
      return `${privilege} on table ${rest}`;
    case "function":
      return `${privilege} on routine ${rest}`;
    case "type":
      return `${privilege} on type ${rest}`;
    case "large object":
      return `${privilege} on large object ${rest}`;
    case "column": {
      const [, table = "", columnName = ""] = column.exec(rest) ?? [];
      return table === "" ? undefined : `${privilege} (${columnName}) on table ${table}`;
    }
    case undefined:
    default:
      return undefined;
  }
}
