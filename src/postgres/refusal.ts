/** What a server did not take of an archive, although it was asked once more, and what came back in its place. */
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";

/** A server's words about one statement. */
export interface Refused {
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string | undefined;
  /** What it is about, where the server says it. */
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly dataType?: string | undefined;
  readonly constraint?: string | undefined;
}

export interface Refusal {
  readonly entry: TocEntry;
  /** `weaker`: there, but not as it was (a key that is not validated); `otherwise`: nothing that counts is lost. */
  readonly outcome: "missing" | "weaker" | "otherwise";
  readonly refused: Refused;
  /** Of `missing` and `weaker`: SQL that makes it what it was. */
  readonly command: string;
  /** Only the owner was refused. */
  readonly ownerOnly?: boolean;
  /** Not restored because this one is missing. */
  readonly dependents: readonly TocEntry[];
}

const kinds: Readonly<Record<string, string>> = {
  "CHECK CONSTRAINT": "constraint",
  "FK CONSTRAINT": "constraint",
  "MATERIALIZED VIEW DATA": "materialized-view",
  "TABLE DATA": "rows",
};

/** Under which it is accepted or waived: `constraint:public.orders.orders_city_fkey`. */
export function nameOf({ entry, ownerOnly = false }: Pick<Refusal, "entry" | "ownerOnly">): string {
  return `${kindOf({ entry, ownerOnly })}:${identityOf(entry)}`;
}

/** `index`, `constraint`, `materialized-view`, `rows`, `policy`, `acl`, `owner`, … */
export function kindOf({ entry, ownerOnly = false }: Pick<Refusal, "entry" | "ownerOnly">): string {
  if (ownerOnly) return "owner";
  return kinds[entry.kind] ?? entry.kind.toLowerCase().replaceAll(" ", "-");
}

const ofTables = /^(?:(?:CHECK |FK )?CONSTRAINT|DEFAULT|POLICY|RULE|TRIGGER)$/;

export function identityOf({ schema, tag, kind }: TocEntry): string {
  const name = ofTables.test(kind) ? tag.replace(" ", ".") : tag;
  return schema === "" ? name : `${schema}.${name}`;
}

const rowKinds: ReadonlySet<string> = new Set([
  ...[
    "BLOB",
    "BLOB METADATA",
    "BLOBS",
    "SCHEMA",
    "SEQUENCE",
    "SEQUENCE SET",
    "TABLE",
    "TABLE ATTACH",
    "TABLE DATA",
  ],
]);
const rightKinds: ReadonlySet<string> = new Set(["ACL", "DEFAULT ACL", "POLICY", "ROW SECURITY"]);

/** What is worse than a missing index: rows that are not there, and rights that somebody lacks or has too many of. */
export function weightOf(refusal: Refusal): "rows" | "rights" | "else" {
  if (refusal.outcome !== "missing") return "else";
  if (refusal.ownerOnly === true) return "rights";
  const all = [refusal.entry, ...refusal.dependents];
  if (all.some(({ kind }) => rowKinds.has(kind))) return "rows";
  // What is about something that is not there is no right that anybody lacks.
  return rightKinds.has(refusal.entry.kind) || refusal.dependents.some(({ kind }) => kind === "POLICY")
    ? "rights"
    : "else";
}

export interface Attempted {
  readonly entry: TocEntry;
  readonly refused: Refused;
  readonly ownerOnly?: boolean;
}

/** Of one more try; nothing where it came about. */
export interface Outcome {
  readonly left?: Attempted;
  readonly changed?: Refusal;
}

/** One refusal for each that is not itself left out because of another one. */
export function rootsOf(toc: Pick<ArchiveToc, "entries">, left: readonly Attempted[]): readonly Refusal[] {
  const missing = new Map(left.filter((one) => one.ownerOnly !== true).map((one) => [one.entry.dumpId, one]));
  const rootOf = (entry: TocEntry, seen: ReadonlySet<number> = new Set()): number => {
    const parent = entry.dependencies.find((id) => missing.has(id) && id !== entry.dumpId && !seen.has(id));
    const next = parent === undefined ? undefined : missing.get(parent);
    return next === undefined ? entry.dumpId : rootOf(next.entry, new Set([...seen, entry.dumpId]));
  };
  const families = Map.groupBy(missing.values(), ({ entry }) => rootOf(entry));
  const owners = left.filter((one) => one.ownerOnly === true);
  const order = new Map(toc.entries.map(({ dumpId }, index) => [dumpId, index]));
  const place = ({ dumpId }: TocEntry): number => order.get(dumpId) ?? 0;
  const roots = [...families].flatMap(([id, family]): readonly Refusal[] => {
    const root = missing.get(id);
    if (root === undefined) return [];
    const dependents = family.map(({ entry }) => entry).filter((entry) => entry.dumpId !== id);
    return [missingOf(root, dependents)];
  });
  return [...roots, ...owners.map((one) => missingOf(one, []))].toSorted(
    (a, b) => place(a.entry) - place(b.entry),
  );
}

export function missingOf(
  { entry, refused, ownerOnly = false }: Attempted,
  dependents: readonly TocEntry[],
): Refusal {
  return {
    entry,
    outcome: "missing",
    refused,
    command: entry.definition.trim(),
    dependents,
    ...(ownerOnly ? { ownerOnly } : {}),
  };
}
