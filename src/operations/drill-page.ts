/** The fixed words of a drill's page: what each check expects, what no drill shows, and what auditors may conclude. */
import type { DrillKind } from "../snapshot/drill-evidence.ts";
import type { ComponentVerdict } from "../verification/findings.ts";

export const signs = { passed: "✅", failed: "❌", "not-verified": "⚠️" } as const;

/** By component; every other one is a kind of objects in the database's catalog. */
const expectations: Readonly<Record<string, (checked: number) => string>> = {
  signature: () => "signed by a key that may sign",
  files: (count) => `${count} stored files, each with the SHA-256 of its backup`,
  packs: (count) => `${count} packs, each with the SHA-256 of its backup`,
  rewraps: (count) => `${count} new headers that open their files`,
  contents: () => "the list of contents opens",
  archives: (count) => `${count} archives, authenticated and read to their ends`,
  rows: (count) => `rows and content hashes of ${count} tables, in the archives as in the source`,
  restore: () => "a server takes all of it",
  tables: (count) => `rows and content hashes of ${count} tables, restored as in the source`,
  sequences: (count) => `${count} sequences at their value or past it`,
  "large-objects": (count) => `${count} large objects with the same content`,
  extensions: (count) => `${count} extensions, in their schemas`,
  database: () => "encoding, collation and locale of the source",
  checks: (count) => `${count} SQL checks of the policy give what it expects`,
  "index-structure": (count) => `${count} B-tree indexes in order and complete, by amcheck`,
  acl: (count) => `${count} grants, no more and no less`,
  policy: (count) => `${count} row security policies, word for word`,
  constraint: (count) => `${count} constraints, each validated as in the source`,
  index: (count) => `${count} indexes, defined and valid as in the source`,
  objects: (count) => `${count} objects, byte for byte as in the index`,
  "restored objects": (count) => `${count} objects, byte for byte after they were written`,
  repository: () => "a clone has every ref of the backup",
  keys: (count) => `the identity opens the newest backup of ${count} sources`,
  "objects-and-rows": () => "each row of storage.objects has its bytes, each object its row",
  moments: () => "known, and told",
};

/** Where a kind of snapshot has a component under a name that another one uses too. */
const ofKind: Readonly<Record<string, Readonly<Record<string, (checked: number) => string>>>> = {
  storage: { index: (count) => `an index of ${count} objects that opens and adds up` },
  application: {
    files: () => "whole: stored bytes and hashes, or the tree of files as recorded",
    config: () => "the folders of configuration as recorded",
    environment: () => "the environment file, to its last byte",
    settings: () => "the settings, to their last byte",
  },
};

export function expectationOf({ component, checked }: ComponentVerdict, kind?: string): string {
  const special = kind === undefined ? undefined : ofKind[kind]?.[component];
  if (special !== undefined) return special(checked);
  const own = Object.hasOwn(expectations, component) ? expectations[component] : undefined;
  return own?.(checked) ?? `${checked} of kind ${component}, defined as in the source`;
}

export function notShown(kind: DrillKind): readonly string[] {
  return [
    "How long people take: to notice, to decide, to find the identity, to change DNS or connection strings.",
    "That the application works with what came back, beyond what the policy's SQL checks ask.",
    "A restore into a real Supabase project: it went into a throwaway PostgreSQL server, a folder and a bare clone.",
    kind === "disaster"
      ? "What else was lost with the machine and is in no backup: the policy names what is protected."
      : "Any other backup than the drilled one.",
  ];
}

/** What the standards ask, in our words, and no claim beyond the measurements. */
export function compliance(kind: DrillKind): readonly (readonly string[])[] {
  const all = kind === "disaster";
  return [
    [
      "ISO/IEC 27001:2022 A.8.13, information backup: copies are kept and regularly tested",
      "The named backups could be opened, restored and compared on this day; the gaps between backups over 30 and 365 days.",
      "That everything worth protecting is in the policy; that the test is regular (the dates of all drills show that).",
    ],
    [
      "SOC 2 A1.2, availability: backup processes and recovery infrastructure are operated and monitored",
      "That backups of these sources exist, how old the newest good one is, and how it was measured against the objective.",
      "Environmental protection and capacity; that alerts reach people.",
    ],
    [
      "SOC 2 A1.3, availability: recovery procedures are tested",
      all
        ? "That the sources of the policy came back from the store and the identity alone, in order, with the times measured."
        : "That the recovery of these sources by this procedure was tested, with the times measured.",
      all
        ? "The part of the recovery plan that people carry out."
        : "The loss of everything at once: a disaster drill tests that.",
    ],
  ];
}
