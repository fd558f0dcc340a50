/**
 * What a restore left out because the server lacks an extension: it is taken out of the comparison, and said there,
 * component by component, so that it can be waived by the extension's name.
 */
import { quoteQualified } from "../postgres/identifiers.ts";
import type { SkippedEntry } from "../postgres/missing-extensions.ts";
import { languageMark } from "../postgres/untrusted-languages.ts";
import type { CatalogObject, DatabaseContents, TableContents } from "../snapshot/contents.ts";
import { absentMark } from "./absent-members.ts";
import type { ComponentVerdict, Finding } from "./findings.ts";

export interface Reduced {
  readonly expected: DatabaseContents;
  /** How many of a component were left out, by extension. */
  readonly left: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** A restored database without what came back in part only: publications without one of their tables. */
  readonly comparable: (found: DatabaseContents) => DatabaseContents;
}

/** Instead of an extension: the server refused the entry itself. */
export const refusedMark = "refused:";

/** `expected` without what `skipped` stands for. */
export function withoutSkipped(expected: DatabaseContents, skipped: readonly SkippedEntry[]): Reduced {
  if (skipped.length === 0) return { expected, left: new Map(), comparable: (found) => found };
  const reasons = new Reasons(expected, skipped);
  const left = new Map<string, Map<string, number>>();
  const keep = <T>(component: (item: T) => string, reasonOf: (item: T) => string | undefined) => {
    return (item: T): boolean => {
      const extension = reasonOf(item);
      if (extension === undefined) return true;
      const counts = left.get(component(item)) ?? new Map<string, number>();
      left.set(component(item), counts.set(extension, (counts.get(extension) ?? 0) + 1));
      return false;
    };
  };
  const reduced = {
    ...expected,
    tables: expected.tables.filter(keep(() => "tables", reasons.ofTable)),
    sequences: expected.sequences.filter(
      keep(
        () => "sequences",
        ({ schema, name }) => reasons.ofName(quoteQualified(schema, name)),
      ),
    ),
    objects: expected.objects.filter(keep(({ kind }) => kind, reasons.ofObject)),
  };
  const isPartial = (object: CatalogObject): boolean => {
    const reason = reasons.ofObject(object);
    return reason === refusedMark || (object.kind.startsWith("publication") && reason !== undefined);
  };
  return {
    expected: reduced,
    left,
    comparable: (found) => ({
      ...found,
      tables: found.tables.filter((table) => reasons.ofTable(table) !== refusedMark),
      objects: found.objects.filter((object) => !isPartial(object)),
    }),
  };
}

/** One finding a component and extension: nothing that was left out counts as passed. */
export function leftOutFindings(
  component: ComponentVerdict["component"],
  left: Reduced["left"],
): readonly Finding[] {
  return [...(left.get(component) ?? [])].flatMap(([extension, count]) => {
    // Each is told by itself: with the server's reason, or by its rows.
    if (extension === refusedMark || extension === absentMark) return [];
    if (extension.startsWith(languageMark))
      return [untrusted(component, extension.slice(languageMark.length), count)];
    return [lacking(component, extension, count)];
  });
}

function lacking(component: string, extension: string, count: number): Finding {
  return {
    level: "warning",
    code: "extension-dependents-skipped",
    sentence: `Extension ${extension} is not available here; ${count} of the component ${component} need it and were not restored.`,
    publicSentence: "extension dependents skipped (the name is in the sealed report)",
    remedy: "Verify where the extension is available, or waive it by name: extension:NAME.",
  };
}

function untrusted(component: string, language: string, count: number): Finding {
  return {
    level: "warning",
    code: "language-dependents-skipped",
    sentence: `Language ${language} is not trusted: its functions can do what the server can. ${count} of the component ${component} need them and were not restored.`,
    publicSentence: "functions in an untrusted language skipped (the name is in the sealed report)",
    remedy:
      "Set trust-contents if you trust whoever can write to the source, or waive the language by name: language:NAME.",
  };
}

/** Kinds that belong to a relation or a publication, which their identity names first. */
const ofAnother = new Set(["constraint", "policy", "publication-part", "rule", "trigger"]);
const aclTypes: Readonly<Record<string, string>> = {
  TABLES: "r",
  SEQUENCES: "S",
  FUNCTIONS: "f",
  TYPES: "T",
  SCHEMAS: "n",
};

class Reasons {
  readonly #names = new Map<string, string>();
  readonly #defaults = new Map<string, string>();
  readonly #missing: ReadonlySet<string>;
  readonly #rootOf: ReadonlyMap<number, TableContents>;
  /** Of tables whose rows alone were refused, and of rights. */
  readonly #rows = new Set<string>();
  readonly #rights = new Set<string>();

  constructor(expected: DatabaseContents, skipped: readonly SkippedEntry[]) {
    this.#missing = new Set(skipped.map(({ extension }) => extension));
    this.#rootOf = new Map(expected.tables.map((table) => [table.oid, table]));
    // Policies and rights on an extension's own tables are the project's.
    for (const { name, members = [] } of expected.extensions.filter((one) => this.#missing.has(one.name))) {
      for (const member of members) this.#names.set(plain(`${member.schema}.${member.name}`), name);
    }
    for (const { entry, extension } of skipped) {
      if (entry.kind === "DEFAULT ACL") {
        const type = aclTypes[/ FOR ([A-Z]+)$/.exec(entry.tag)?.[1] ?? ""] ?? "";
        this.#defaults.set(plain(`${entry.owner} ${entry.schema} ${type}`), extension);
      } else if (entry.kind === "PUBLICATION TABLE" || entry.kind === "PUBLICATION TABLES IN SCHEMA") {
        // A publication without one of its tables is not the one that was backed up.
        this.#names.set(plain(entry.tag.split(" ")[0] ?? ""), extension);
      } else if (!isAbout(entry.kind)) {
        const schema = entry.schema === "" ? "" : `${entry.schema}.`;
        this.#names.set(plain(`${schema}${entry.tag}`), extension);
        // A view whose query comes late, for want of a key.
        if (/ _RETURN$/.test(entry.tag))
          this.#names.set(plain(`${schema}${entry.tag.replace(/ _RETURN$/, "")}`), extension);
        // A key's index.
        const key = / ADD CONSTRAINT ("(?:[^"]|"")+"|\S+) (?:UNIQUE|PRIMARY KEY|EXCLUDE)/.exec(
          entry.definition,
        )?.[1];
        if (key !== undefined) this.#names.set(plain(`${schema}${key}`), extension);
      } else if (extension === refusedMark) this.#addRefused(entry);
    }
  }

  #addRefused({ kind, schema, tag }: SkippedEntry["entry"]): void {
    const prefix = schema === "" ? "" : `${schema}.`;
    if (kind === "TABLE DATA") this.#rows.add(plain(`${prefix}${tag}`));
    if (kind === "ACL")
      this.#rights.add(plain(`${prefix}${tag.replace(/^(?:[A-Z]+ )+/, "").replace(/\(.*$/s, "")}`));
  }

  readonly ofName = (name: string): string | undefined => this.#names.get(plain(name));

  readonly ofTable = ({ schema, name, extension, root }: TableContents): string | undefined => {
    if (extension !== undefined && this.#missing.has(extension)) return extension;
    const top = root === undefined ? undefined : this.#rootOf.get(root);
    if (this.#rows.has(plain(quoteQualified(schema, name)))) return refusedMark;
    return (
      this.ofName(quoteQualified(schema, name)) ??
      (top === undefined ? undefined : this.ofName(quoteQualified(top.schema, top.name)))
    );
  };

  readonly ofObject = ({ kind, identity, definition }: CatalogObject): string | undefined => {
    const own = this.ofName(identity);
    if (own !== undefined) return own;
    if (ofAnother.has(kind)) return this.ofName(firstWord(identity));
    if (kind === "index") return this.ofName(/ ON (?:ONLY )?(.+?) USING /s.exec(definition)?.[1] ?? "");
    if (kind === "default-privileges") return this.#defaults.get(plain(identity));
    if (kind === "cron-job") return this.#missing.has("pg_cron") ? "pg_cron" : undefined;
    const right = identity.replace(/^(?:[a-z]+ )+/, "").replace(/\(.*$/s, "");
    if (kind === "acl" && this.#rights.has(plain(right))) return refusedMark;
    if (kind === "acl" || kind === "comment") return this.#ofWhatItIsAbout(identity);
    return undefined;
  };

  /** `relation s.t`, `column s.t.c`, `table column s.t.c`, `function s.f(text)`, `trigger t on s.t`. */
  #ofWhatItIsAbout(identity: string): string | undefined {
    const about = identity.replace(/^(?:[a-z]+ )+/, "");
    const onRelation = / on (.+)$/s.exec(about)?.[1];
    if (onRelation !== undefined) {
      const part = about.slice(0, about.length - onRelation.length - " on ".length);
      return this.ofName(onRelation) ?? this.ofName(`${onRelation} ${part}`);
    }
    const whole = this.ofName(about);
    if (whole !== undefined) return whole;
    return this.ofName(about.replace(/\.(?:"(?:[^"]|"")*"|[^".]+)$/s, ""));
  }
}

/** Rights, comments and the like are compared with what they are about. */
function isAbout(kind: string): boolean {
  return ["ACL", "COMMENT", "SECURITY LABEL", "TABLE DATA", "SEQUENCE SET"].includes(kind);
}

function firstWord(identity: string): string {
  return /^(?:"(?:[^"]|"")*"|[^" ])+/.exec(identity)?.[0] ?? identity;
}

/** Archives do not quote, and put blanks behind commas; catalogs do the one and not the other. */
function plain(text: string): string {
  return text.replaceAll(/["\s]/g, "");
}
