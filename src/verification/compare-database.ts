/** A restored database held against what was backed up, component by component. */
import { quoteQualified } from "../postgres/identifiers.ts";
import { sameLargeObjects } from "../postgres/large-objects.ts";
import {
  type CatalogObject,
  type DatabaseContents,
  madeByServer,
  type NotDumped,
} from "../snapshot/contents.ts";
import { comparableRights } from "./across-majors.ts";
import { type ComponentVerdict, type Finding, worstVerdict } from "./findings.ts";
import { type RowTotals, sameRows, totalsByRoot } from "./row-totals.ts";

export interface ComparisonLimits {
  /** Kinds of objects whose text is made by the server; other majors may spell the same thing otherwise. */
  readonly deparsedKinds: ReadonlySet<string>;
  /** The copy was made under C where this machine lacks the backup's locale. */
  readonly localeSubstituted?: boolean;
}

/** One verdict a component; what the backup did not record is not-verified, never passed. */
export function compareDatabases(
  backup: DatabaseContents,
  restored: DatabaseContents,
  limits: ComparisonLimits,
): readonly ComponentVerdict[] {
  const [expected, found] = comparableRights(backup, restored);
  const sameMajor = expected.server.major === found.server.major;
  const undescribed = new Set([...(expected.notDescribed ?? []), ...(found.notDescribed ?? [])]);
  return [
    compareTables(expected, found),
    compareSequences(expected, found),
    compareLargeObjects(expected, found),
    compareExtensions(expected, found),
    compareProperties(expected, found, limits),
    ...[...undescribed].map(notDescribed),
    ...kindsOf(expected, found)
      .filter((kind) => !undescribed.has(kind))
      .map((kind) =>
        compareObjects(
          kind,
          expected.objects.filter((object) => object.kind === kind),
          found.objects.filter((object) => object.kind === kind),
          {
            comparable: sameMajor || !limits.deparsedKinds.has(kind),
            notes: (expected.notDumped ?? []).filter((one) => one.kind === kind),
          },
        ),
      ),
  ];
}

function compareTables(expected: DatabaseContents, found: DatabaseContents): ComponentVerdict {
  const wanted = totalsByRoot(expected.tables);
  const restored = totalsByRoot(found.tables);
  const findings: Finding[] = [];
  let hashed = 0;
  for (const [name, totals] of wanted) {
    const other = restored.get(name);
    if (other === undefined) findings.push(difference("table-missing", `Table ${name} was not restored.`));
    else findings.push(...rowFindings(name, totals, other));
    if (totals.hash !== undefined) hashed += 1;
  }
  for (const name of restored.keys()) {
    if (!wanted.has(name))
      findings.push(difference("table-unexpected", `Table ${name} is not in the backup.`));
  }
  if (hashed < wanted.size) findings.push(hashesMissing(wanted.size - hashed, expected.hashesNotVerified));
  return judge("tables", wanted.size, findings);
}

/** Counts first: they say more to a person than two unequal hashes. */
export function rowFindings(name: string, expected: RowTotals, found: RowTotals): readonly Finding[] {
  if (sameRows(expected, found)) return [];
  if (expected.rows !== found.rows) {
    return [difference("rows-differ", `Table ${name} has ${found.rows} rows instead of ${expected.rows}.`)];
  }
  if (expected.hash !== undefined && found.hash === undefined) {
    return [
      unverified(
        "content-not-hashable",
        `The content of table ${name} could not be hashed after the restore.`,
      ),
    ];
  }
  return [
    difference("content-differs", `Table ${name} has all ${expected.rows} rows, but their content differs.`),
  ];
}

function hashesMissing(tables: number, reason: string | undefined): Finding {
  const why = reason ?? "the backup recorded row counts only";
  return unverified("content-not-hashed", `The content of ${tables} tables was not compared: ${why}.`);
}

/** Sequences are not in any snapshot: the restored value must be at or past the recorded one, in its direction. */
function compareSequences(expected: DatabaseContents, found: DatabaseContents): ComponentVerdict {
  const restored = new Map(
    found.sequences.map((sequence) => [quoteQualified(sequence.schema, sequence.name), sequence]),
  );
  const findings = expected.sequences.flatMap((sequence): readonly Finding[] => {
    const name = quoteQualified(sequence.schema, sequence.name);
    const other = restored.get(name);
    if (other === undefined) return [difference("sequence-missing", `Sequence ${name} was not restored.`)];
    // Told as not backed up.
    if (sequence.onPrimaryOnly === true) return [];
    if (sequence.lastValue === null || other.lastValue === null) {
      return [unverified("sequence-unreadable", `The value of sequence ${name} could not be read.`)];
    }
    const ahead =
      (BigInt(other.lastValue) - BigInt(sequence.lastValue)) *
      (sequence.increment.startsWith("-") ? -1n : 1n);
    const uncalled = sequence.isCalled === true && other.isCalled === false && ahead === 0n;
    if (ahead >= 0n && !uncalled) return [];
    return [
      difference(
        "sequence-behind",
        `Sequence ${name} stands at ${other.lastValue}, before ${sequence.lastValue}.`,
      ),
    ];
  });
  return judge("sequences", expected.sequences.length, findings);
}

function compareLargeObjects(expected: DatabaseContents, found: DatabaseContents): ComponentVerdict {
  const { count } = expected.largeObjects;
  if (count !== found.largeObjects.count) {
    const sentence = `There are ${found.largeObjects.count} large objects instead of ${count}.`;
    return judge("large-objects", count, [difference("large-objects-differ", sentence)]);
  }
  if (count === 0) return judge("large-objects", 0, []);
  const same = sameLargeObjects(expected.largeObjects, found.largeObjects);
  if (same === undefined) {
    const sentence = "The content of the large objects was not compared.";
    return judge("large-objects", count, [unverified("content-not-hashed", sentence)]);
  }
  if (same) return judge("large-objects", count, []);
  const sentence = "The content of the large objects differs.";
  return judge("large-objects", count, [difference("large-objects-differ", sentence)]);
}

function compareExtensions(expected: DatabaseContents, found: DatabaseContents): ComponentVerdict {
  const installed = new Map(found.extensions.map((extension) => [extension.name, extension]));
  const findings = expected.extensions.flatMap(({ name, version, schema }): readonly Finding[] => {
    const other = installed.get(name);
    if (other === undefined) {
      return [
        unverified(
          "extension-missing",
          `Extension ${name} is not available here; what needs it was not checked.`,
        ),
      ];
    }
    if (other.schema !== schema) {
      return [
        difference(
          "extension-differs",
          `Extension ${name} is in schema ${other.schema} instead of ${schema}.`,
        ),
      ];
    }
    // CREATE EXTENSION installs the server's default version; the backup's may be older. Said, not failed.
    return other.version === version
      ? []
      : [
          note(
            "extension-version",
            `Extension ${name} is version ${other.version}; the source had ${version}.`,
          ),
        ];
  });
  return judge("extensions", expected.extensions.length, findings);
}

function compareProperties(
  expected: DatabaseContents,
  found: DatabaseContents,
  { localeSubstituted = false }: ComparisonLimits,
): ComponentVerdict {
  const fields = ["encoding", "collate", "ctype", "localeProvider", "locale"] as const;
  const findings = fields.flatMap((field) => {
    const [before, after] = [expected.properties[field], found.properties[field]];
    if (before === after) return [];
    const sentence = `The database's ${field} is ${String(after)} instead of ${String(before)}.`;
    if (!localeSubstituted || field === "encoding") return [difference("property-differs", sentence)];
    return [unverified("locale-missing", `${sentence} This machine lacks the backup's locale.`)];
  });
  return judge("database", fields.length, findings);
}

/** The kind whose objects are compared by their names alone. */
const namesOnly = "other";

function compareObjects(
  kind: string,
  expected: readonly CatalogObject[],
  found: readonly CatalogObject[],
  { comparable, notes }: { readonly comparable: boolean; readonly notes: readonly NotDumped[] },
): ComponentVerdict {
  const restored = groupDefinitions(found);
  const wanted = groupDefinitions(expected);
  const findings: Finding[] = notes.map(({ identity, reason }) =>
    note(
      `${kind}-not-dumped`,
      `The ${kind} ${identity} is not in the backup: ${reason}. pg_dump leaves it out.`,
    ),
  );
  for (const [identity, definitions] of wanted) {
    const other = restored.get(identity);
    if (definitions === madeByServer || other === madeByServer) continue;
    if (other === undefined)
      findings.push(difference(`${kind}-missing`, `The ${kind} ${identity} was not restored.`));
    else if (kind === namesOnly) continue;
    else if (other !== definitions && comparable) {
      findings.push(
        difference(`${kind}-differs`, `The ${kind} ${identity} differs: ${other} instead of ${definitions}.`),
      );
    } else if (other !== definitions) {
      findings.push(
        unverified(`${kind}-not-compared`, `The ${kind} ${identity} is spelt otherwise by another major.`),
      );
    }
  }
  for (const [identity, definition] of restored) {
    if (wanted.has(identity) || definition === madeByServer) continue;
    findings.push(difference(`${kind}-unexpected`, `The ${kind} ${identity} is not in the backup.`));
  }
  return judge(kind, expected.length, findings);
}

function notDescribed(kind: string): ComponentVerdict {
  const sentence = `The server did not tell the definitions of kind ${kind}, so they were not compared.`;
  return judge(kind, 0, [unverified("definitions-unread", sentence)]);
}

/** Definitions by identity; overloads of one identity are kept side by side. */
function groupDefinitions(objects: readonly CatalogObject[]): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const { identity, definition } of objects) {
    const before = groups.get(identity);
    groups.set(identity, before === undefined ? definition : `${before}\n${definition}`);
  }
  return groups;
}

function kindsOf(...contents: readonly DatabaseContents[]): readonly string[] {
  return [...new Set(contents.flatMap(({ objects }) => objects.map(({ kind }) => kind)))].toSorted();
}

/** A component passes if nothing differs and nothing was left unchecked; an empty one has nothing to lose. */
export function judge(component: string, checked: number, findings: readonly Finding[]): ComponentVerdict {
  const verdicts = findings.flatMap(({ level }) => {
    if (level === "error") return ["failed" as const];
    return level === "warning" ? ["not-verified" as const] : [];
  });
  return { component, checked, findings, verdict: verdicts.length === 0 ? "passed" : worstVerdict(verdicts) };
}

const compareRemedy = "Do not rely on this snapshot: take another one, verify it, and report the difference.";

function difference(code: string, sentence: string): Finding {
  return {
    level: "error",
    code,
    fault: "backup",
    sentence,
    publicSentence: publicOf(code),
    remedy: compareRemedy,
  };
}

function unverified(code: string, sentence: string): Finding {
  const remedy = "What could not be checked is not proven; make it checkable, or waive it by name.";
  const fault = checkersFault.test(code) ? { fault: "target" as const } : {};
  return { level: "warning", code, ...fault, sentence, publicSentence: publicOf(code), remedy };
}

/** Another server could have checked it. */
const checkersFault = /^(?:extension-missing|locale-missing|content-not-hashable|.*-not-compared)$/;

function note(code: string, sentence: string): Finding {
  return {
    level: "info",
    code,
    sentence,
    publicSentence: publicOf(code),
    remedy: "Nothing needs to be done.",
  };
}

/** The code says what kind of difference it is; which object it is about stays inside. */
function publicOf(code: string): string {
  return `${code.replaceAll("-", " ")} (the name is in the sealed report)`;
}
