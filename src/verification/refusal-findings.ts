/** What a server did not take of an archive, for people: what is missing or weaker, whose fault it is, and what fixes it. */
import { identityOf, kindOf, nameOf, type Refusal } from "../postgres/refusal.ts";
import type { Fault, Finding } from "./findings.ts";
import { fixInSource } from "./fix-in-source.ts";

export interface RefusalView {
  /** `check`: it speaks about a backup; `restore`: about the database that somebody gets. */
  readonly of: "check" | "restore";
  readonly sourceMajor: number;
  readonly targetMajor: number;
}

const components: Readonly<Record<string, string>> = {
  "default-acl": "default-privileges",
  "materialized-view": "view",
  "row-security": "table",
  rows: "tables",
  "sequence-set": "sequences",
  owner: "owner",
};

/** In whose verdict it is told. */
export function componentOf(refusal: Refusal): string {
  const kind = kindOf(refusal);
  return components[kind] ?? kind;
}

const byRows = /^(?:22|23|P0)/;
/** Rights, features, other objects in use, limits, files: a server with more of them takes it. */
const byTarget = /^(?:42501$|0A|54|55|58)/;
const byName = /^(?:42883|42P01|42704|3F000)$/;

export function faultOf(
  { refused: { code } }: Refusal,
  { sourceMajor, targetMajor }: RefusalView,
): Exclude<Fault, "backup"> {
  if (byRows.test(code)) return "source";
  const isNewer = sourceMajor !== targetMajor && code.startsWith("42");
  return byTarget.test(code) || isNewer ? "target" : "source";
}

export function refusalFinding(refusal: Refusal, view: RefusalView): Finding {
  const fault = faultOf(refusal, view);
  const what = `${kindOf(refusal).replaceAll("-", " ")} ${identityOf(refusal.entry)}`;
  const words = wordsOf(refusal, fault, what, view);
  return {
    level: levelOf(refusal, fault, view),
    fault,
    about: nameOf(refusal),
    ...words,
  };
}

function levelOf({ outcome }: Refusal, fault: Fault, { of }: RefusalView): Finding["level"] {
  if (outcome === "otherwise") return of === "check" ? "info" : "warning";
  if (of === "restore") return "error";
  return fault === "source" ? "error" : "warning";
}

const seeReport = "`lifeboat verify` or `lifeboat restore` on a terminal shows the command that fixes it.";

function wordsOf(
  refusal: Refusal,
  fault: Fault,
  what: string,
  { of }: RefusalView,
): Pick<Finding, "code" | "sentence" | "publicSentence" | "remedy" | "publicRemedy"> {
  const { outcome, refused, command, dependents, entry } = refusal;
  const detail = refused.detail === undefined ? "" : ` ${refused.detail.replace(/\.$/, "")}`;
  const reason = `${refused.message}.${detail === "" ? "" : `${detail}.`}`;
  const kind = kindOf(refusal).replaceAll("-", " ");
  if (outcome === "otherwise" && /ACL$/.test(entry.kind)) {
    return {
      code: "grant-to-vanished-role",
      sentence: `A right of ${what} was left out: it belongs to a role that no longer exists in the source (${refused.message}).`,
      publicSentence: "A right was left out: it belongs to a role that no longer exists in the source.",
      remedy: "Revoke it in the source, or ignore it: nobody can use it.",
    };
  }
  if (outcome === "otherwise") {
    return {
      code: "needs-search-path",
      sentence: `The ${what} was restored only with the database's own search_path: ${reason}`,
      publicSentence: `A ${kind} was restored only with the database's own search_path.`,
      remedy: "Write the names in its functions with their schemas.",
    };
  }
  if (refusal.ownerOnly === true) {
    return {
      code: "owner-refused",
      sentence: `The ${entry.kind.toLowerCase()} ${identityOf(entry)} belongs to the restoring role, which may not give it to ${entry.owner}: ${reason}`,
      publicSentence: "An object belongs to the restoring role, which may not give it to its owner.",
      remedy: `As a role that may, run: ${command} To let the restoring role own everything, pass no-owner. To accept it: ${nameOf(refusal)}.`,
      publicRemedy: `${seeReport} To let the restoring role own everything, pass no-owner.`,
    };
  }
  const became =
    outcome === "weaker"
      ? "It was restored as NOT VALID."
      : entry.kind === "MATERIALIZED VIEW DATA"
        ? "It is there, but not populated."
        : `It was not restored${andMore(dependents.length)}.`;
  const contradicts = fault === "source" && byRows.test(refused.code);
  const code = contradicts
    ? "source-contradicts"
    : byName.test(refused.code)
      ? "name-not-found"
      : "object-refused";
  const head = contradicts
    ? kindOf(refusal) === "rows"
      ? `The source's rows of ${identityOf(entry)} cannot be loaded`
      : `The source's rows contradict the ${what}`
    : fault === "source"
      ? `The ${what} cannot be made from the source's definitions`
      : `This server refused the ${what}`;
  const publicHead = contradicts
    ? `Rows of the source contradict a ${kind}`
    : fault === "source"
      ? `A ${kind} cannot be made from the source's definitions`
      : `This server refused a ${kind}`;
  return {
    code,
    sentence: `${head}: ${reason} ${became}`,
    publicSentence: `${publicHead} (its name is in the sealed report).`,
    remedy: of === "check" ? checkRemedy(refusal, fault) : restoreRemedy(refusal, fault, command),
    publicRemedy:
      of === "check" && fault === "source" ? `Another backup will not differ. ${seeReport}` : seeReport,
  };
}

function andMore(count: number): string {
  return count === 0
    ? ""
    : `, nor ${count === 1 ? "1 object that needs it" : `${count.toLocaleString("en-US")} objects that need it`}`;
}

function checkRemedy(refusal: Refusal, fault: Fault): string {
  const waive = `Until then, waive it by name: ${nameOf(refusal)}.`;
  if (fault === "source") return `Another backup will not differ. ${fixInSource(refusal)} ${waive}`;
  return `Verify on a server that takes it. ${waive}`;
}

function restoreRemedy(refusal: Refusal, fault: Fault, command: string): string {
  const accept = `Accept it by name: ${nameOf(refusal)}.`;
  if (command === "") return `${fixInSource(refusal)} ${accept}`;
  const first = fault === "source" ? "Correct the cause, then run" : "As a role that may, run";
  return `${first}: ${command.replaceAll(/\s+/g, " ")} ${accept}`;
}
