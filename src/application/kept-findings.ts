/** What of files a backup does not hold, and what a restore does not bring back: each kind with its count. */
import type { Finding } from "../verification/findings.ts";

const special = ["socket", "pipe", "device"];
const words: Readonly<Record<string, readonly [one: string, many: string]>> = {
  socket: ["socket", "sockets"],
  pipe: ["pipe", "pipes"],
  device: ["device", "devices"],
  setuid: ["setuid bit", "setuid bits"],
  setgid: ["setgid bit", "setgid bits"],
  sticky: ["sticky bit", "sticky bits"],
  owner: ["owner", "owners"],
  "hard-link": ["hard link", "hard links"],
  attributes: ["entry with ACLs or extended attributes", "entries with ACLs or extended attributes"],
};

export type Kinds = Readonly<Record<string, number>>;

export function sumOfKinds(all: readonly (Kinds | undefined)[]): Kinds {
  const sum: Record<string, number> = {};
  for (const kinds of all) {
    for (const [kind, count] of Object.entries(kinds ?? {})) sum[kind] = (sum[kind] ?? 0) + count;
  }
  return sum;
}

export function notKeptFindings(kinds: Kinds): readonly Finding[] {
  const skipped = listed(kinds, special);
  const bits = listed(kinds, ["setuid", "setgid", "sticky"]);
  const attributes = listed(kinds, ["attributes"]);
  const links = listed(kinds, ["hard-link"]);
  return [
    ...(skipped === ""
      ? []
      : [
          finding(
            "warning",
            "special-file-skipped",
            `Not in the backup: ${skipped}; the sealed contents name them.`,
            "Exclude them if they do not belong to the configuration.",
          ),
        ]),
    ...(attributes === ""
      ? []
      : [
          finding(
            "warning",
            "attributes-not-kept",
            `The backup keeps no ACLs and no extended attributes (capabilities are some): ${attributes}.`,
            "Keep the commands that set them (setfacl, setcap) with the configuration, and run them after a restore.",
          ),
        ]),
    ...((kinds["attributes-unknown"] ?? 0) === 0
      ? []
      : [
          finding(
            "info",
            "attributes-not-checked",
            "Whether files have ACLs or extended attributes (capabilities are some) is unknown; the backup keeps none.",
            "Install getfattr (Debian's package `attr`) so that each backup counts them.",
          ),
        ]),
    ...(bits === ""
      ? []
      : [
          finding(
            "info",
            "special-bits-not-restored",
            `A restore will not bring back: ${bits}.`,
            "Keep the chmod commands that set them with the configuration.",
          ),
        ]),
    ...(links === ""
      ? []
      : [
          finding(
            "info",
            "hard-links-kept-apart",
            `Files with several names are kept once for each name: ${links}.`,
            "Nothing to do; after a restore they are separate files with the same bytes.",
          ),
        ]),
  ];
}

/** `isDone`: they were dropped; otherwise a restore would drop them. */
export function notRestoredFindings(kinds: Kinds, isDone: boolean): readonly Finding[] {
  const bits = listed(kinds, ["setuid", "setgid", "sticky"]);
  const owners = listed(kinds, ["owner"]);
  const verb = isDone ? "were" : "would be";
  return [
    ...(bits === ""
      ? []
      : [
          finding(
            "warning",
            "special-bits-dropped",
            `Files ${verb} restored without their special bits, as tar does unless asked: ${bits}.`,
            "Set them with chmod where you trust the backup; `tar -tvf` of the snapshot's tar shows each.",
          ),
        ]),
    ...(owners === ""
      ? []
      : [
          finding(
            "warning",
            "owners-not-restored",
            `Files ${verb} given to the user of this restore, because only root may give files away: ${owners}.`,
            "Restore as root, or run chown afterwards.",
          ),
        ]),
  ];
}

function listed(kinds: Kinds, names: readonly string[]): string {
  return names
    .flatMap((kind) => {
      const count = kinds[kind] ?? 0;
      const [one, many] = words[kind] ?? [kind, kind];
      return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
    })
    .join(", ");
}

function finding(level: Finding["level"], code: string, sentence: string, remedy: string): Finding {
  return { level, code, sentence, publicSentence: sentence, remedy };
}
