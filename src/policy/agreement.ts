/** What several fields of a policy must agree on. Sections with problems of their own are left out. */
import { classifyRecipient, maxRecipients } from "../seal/recipients.ts";
import { isSourceName, sourceNameRule } from "../snapshot/keys.ts";
import { tiers } from "../snapshot/snapshot-json.ts";
import {
  baseTier,
  everyOf,
  type ReadSource,
  type ReadStore,
  retentionOf,
  type Sections,
} from "./defaults.ts";
import { dayMs, durationInWords, formatPolicyDuration } from "./durations.ts";
import type { Fault } from "./issue-words.ts";
import { artifactDaysLimit, longestAt, type Retention, type Visibility } from "./policy.ts";

const hourMs = 3_600_000;

export function agreementFaults(read: Sections, visibility: Visibility | undefined): readonly Fault[] {
  return [
    ...recipientFaults(read),
    ...nameFaults(read),
    ...storeFaults(read, visibility),
    ...sourceFaults(read),
    ...checkFaults(read),
  ];
}

function recipientFaults({ recipients, waive }: Sections): readonly Fault[] {
  if (recipients === undefined) return [];
  const faults: Fault[] = [];
  const classes = new Map<string, number>();
  const seen = new Map<string, number>();
  for (const [index, text] of recipients.entries()) {
    const path = ["recipients", index];
    const recipient = text.trim();
    const found = classifyRecipient(recipient);
    const before = seen.get(recipient);
    if ("problem" in found) {
      faults.push({
        path,
        sentence: `${found.problem}.`,
        cure: "Give the `# public key:` of an identity file.",
      });
    } else if (before !== undefined) {
      const sentence = `is recipient ${before + 1} again.`;
      faults.push({ path, sentence, cure: "Give another key, kept in another place." });
    } else classes.set(found.class, classes.get(found.class) ?? index);
    seen.set(recipient, before ?? index);
  }
  const [, second] = [...classes.values()];
  if (second !== undefined) {
    const sentence =
      "mixes X25519 (age1…) and post-quantum (age1pq1…) keys: one age1… undoes the others' protection.";
    faults.push({ path: ["recipients", second], sentence, cure: "Give keys of one kind." });
  }
  if (recipients.length > maxRecipients) {
    const sentence = `are ${recipients.length}, more than ${maxRecipients}.`;
    faults.push({ path: ["recipients"], sentence, cure: "Share keys within a team.", atKey: true });
  }
  const isWaived = waive?.includes("second-recipient") === true;
  if (recipients.length === 0 || (recipients.length === 1 && !isWaived)) {
    faults.push({
      path: ["recipients"],
      sentence:
        recipients.length === 0
          ? "names nobody: nobody could open a backup."
          : "names only one key: if it is lost, so are all backups.",
      cure: "Add the public key of an identity that is kept offline (`lifeboat keygen`), or write waive: [second-recipient].",
      atKey: true,
    });
  }
  return faults;
}

function nameFaults(read: Sections): readonly Fault[] {
  const faults: Fault[] = [];
  for (const section of ["stores", "sources"] as const) {
    const names = read[section] === undefined ? undefined : Object.keys(read[section]);
    if (names?.length === 0) {
      faults.push({ path: [section], sentence: "is empty.", cure: "Name at least one.", atKey: true });
    }
    for (const name of names ?? []) {
      if (isSourceName(name)) continue;
      const sentence = `is a name that is not ${sourceNameRule}.`;
      faults.push({ path: [section, name], sentence, cure: "Rename it.", atKey: true });
    }
  }
  return faults;
}

function storeFaults(read: Sections, visibility: Visibility | undefined): readonly Fault[] {
  const stores = Object.entries(read.stores ?? { near: { type: "github-artifacts" } satisfies ReadStore });
  const sound = stores.flatMap(([, store]) => (store === undefined ? [] : [store]));
  // What is not known to be refused is a finding (src/policy/findings.ts).
  const artifactDays = artifactDaysLimit[visibility ?? "private"];
  const faults: Fault[] = [];
  for (const [index, [name, store]] of stores.entries()) {
    if (store === undefined) continue;
    faults.push(...classFaults(name, store));
    for (const tier of tiers) {
      const asked = store.retention?.[tier];
      if (asked === undefined || asked <= longestAt(store, artifactDays)) continue;
      faults.push(tooLong(["stores", name, "retention", tier], asked, visibility));
    }
    const twin = stores
      .slice(0, index)
      .find(([, other]) => other !== undefined && placeOf(other) === placeOf(store));
    if (twin === undefined) continue;
    const sentence = `is the same place as ${twin[0]}: two names are not two copies.`;
    faults.push({
      path: ["stores", name],
      sentence,
      cure: "Name another place, or take one out.",
      atKey: true,
    });
  }
  if (read.retention === undefined || sound.length < stores.length) return faults;
  for (const tier of tiers) {
    const asked = read.retention[tier];
    const canKeep = sound.some(
      (store) => store.retention?.[tier] !== undefined || (asked ?? 0) <= longestAt(store, artifactDays),
    );
    if (asked !== undefined && !canKeep) faults.push(tooLong(["retention", tier], asked, visibility));
  }
  return faults;
}

/** What is stored is read back before it counts, and these two answer hours later. */
function classFaults(name: string, store: ReadStore): readonly Fault[] {
  if (store.type !== "s3" || store["storage-class"] === undefined) return [];
  const asked = store["storage-class"];
  const path = ["stores", name, "storage-class"];
  const classes =
    typeof asked === "string"
      ? [{ path, storageClass: asked }]
      : Object.entries(asked).map(([tier, storageClass]) => ({ path: [...path, tier], storageClass }));
  return classes
    .filter(({ storageClass }) => storageClass === "GLACIER" || storageClass === "DEEP_ARCHIVE")
    .map(({ path: at, storageClass }) => ({
      path: at,
      sentence: `is ${String(storageClass)}, which cannot be read at once, so nothing stored there could be proven.`,
      cure: "Write GLACIER_IR, or move old backups by a lifecycle rule of the bucket.",
    }));
}

function tooLong(path: readonly string[], askedMs: number, visibility: Visibility | undefined): Fault {
  const { public: inPublic, private: inPrivate } = artifactDaysLimit;
  const limit =
    visibility === undefined
      ? `at most ${inPublic} days in public repositories and ${inPrivate} in private ones`
      : `at most ${artifactDaysLimit[visibility]} days in ${visibility} repositories`;
  return {
    path,
    sentence: `is ${formatPolicyDuration(askedMs)}, but GitHub artifacts live ${limit}.`,
    cure: "Add an S3 store (stores: archive: { type: s3, … }), or ask for less.",
  };
}

function placeOf(store: ReadStore): string {
  switch (store.type) {
    case "github-artifacts":
      return "artifacts";
    case "directory":
      return store.path.replace(/\/+$/, "");
    case "s3":
      return JSON.stringify([store.endpoint ?? "", store.bucket, store.prefix ?? ""]);
  }
}

function sourceFaults(read: Sections): readonly Fault[] {
  const retention = retentionOf(read);
  const faults = Object.entries(read.sources ?? {}).flatMap(([name, source]) =>
    source === undefined ? [] : [...paceFaults(name, source, retention), ...projectFaults(name, source)],
  );
  if (read.retention !== undefined && tiers.every((tier) => read.retention?.[tier] === undefined)) {
    const asked = read.retention["keep-at-least"];
    if (asked === undefined) {
      faults.push({
        path: ["retention"],
        sentence: "is empty.",
        cure: "Name tiers, or take it out.",
        atKey: true,
      });
    }
  }
  const ofAge = read.drills?.["of-age"];
  const longestMs = Math.max(...Object.values(retention.tiers));
  if (ofAge !== undefined && ofAge > longestMs) {
    faults.push({
      path: ["drills", "of-age"],
      sentence: `is ${formatPolicyDuration(ofAge)}, but no backup is kept longer than ${durationInWords(longestMs)}.`,
      cure: "Drill a younger backup, or keep them longer.",
    });
  }
  return faults;
}

function paceFaults(name: string, source: ReadSource, retention: Retention): Fault[] {
  const everyMs = everyOf(source, retention);
  const path = ["sources", name, "every"];
  const faults: Fault[] = [];
  const unit = everyMs >= dayMs ? dayMs : hourMs;
  if (everyMs > hourMs && everyMs % unit !== 0) {
    const sentence = `is ${formatPolicyDuration(everyMs)}, which fits no calendar.`;
    faults.push({ path, sentence, cure: "Write whole hours below a day, whole days above." });
  }
  const tier = baseTier(everyMs);
  if (retention.tiers[tier] === undefined) {
    faults.push({
      path,
      sentence: `is ${formatPolicyDuration(everyMs)}, but the retention keeps no ${tier} backups, so they would go at once.`,
      cure: `Add ${tier}: ${tier === "hourly" ? "2d" : tier === "daily" ? "30d" : "90d"} to retention, or back up less often.`,
    });
  }
  const isPushed = source.type === "application" && source["on-push"] !== false;
  if (source.rpo !== undefined && source.rpo < everyMs && !isPushed) {
    faults.push({
      path: ["sources", name, "rpo"],
      sentence: `is ${formatPolicyDuration(source.rpo)}, but a backup is made only every ${formatPolicyDuration(everyMs)}.`,
      cure: `Write every: ${formatPolicyDuration(source.rpo)}, or accept a longer one.`,
    });
  }
  return faults;
}

/** A token may see many projects. */
function projectFaults(name: string, source: ReadSource): readonly Fault[] {
  if (source.type !== "application") return [];
  const path = ["sources", name];
  if (source["access-token"] !== undefined && source.project === undefined) {
    return [
      {
        path: [...path, "access-token"],
        sentence: "is given without the project whose settings it reads.",
        cure: "Add project: and the 20 letters of https://REF.supabase.co beside it.",
        atKey: true,
      },
    ];
  }
  if (source.project === undefined || source["access-token"] !== undefined) return [];
  return [
    {
      path: [...path, "project"],
      sentence: "is given without the token that reads its settings.",
      cure: "Add access-token: { secret: SUPABASE_ACCESS_TOKEN }.",
      atKey: true,
    },
  ];
}

function checkFaults({ verify, sources }: Sections): readonly Fault[] {
  if (sources === undefined) return [];
  return (verify?.checks ?? []).flatMap(({ source }, index) => {
    if (source === undefined) return [];
    const path = ["verify", "checks", index, "source"];
    if (!Object.hasOwn(sources, source)) {
      return [{ path, sentence: "names no source of this policy.", cure: "Name a database of `sources`." }];
    }
    const found = sources[source];
    if (found === undefined || found.type === "postgres") return [];
    return [{ path, sentence: "is no database.", cure: "Name a source of type postgres." }];
  });
}
