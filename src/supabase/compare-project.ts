/** The restored project's own objects, held against the backup's. Pure; what the platform keeps is not compared. */
import type { TocEntry } from "../postgres/restore-toc.ts";
import { type CatalogObject, madeByServer } from "../snapshot/contents.ts";
import type { Finding } from "../verification/findings.ts";
import { parseRights } from "./acl.ts";
import {
  isManagedSchema,
  isPlatformEventTrigger,
  isPlatformPublication,
  isPlatformTrigger,
  ownerAfterRestore,
  takesPolicies,
} from "./managed.ts";
import { isPlatformRole } from "./platform-roles.ts";

const identifier = String.raw`(?:"(?:[^"]|"")*"|[^\s".(),]+)`;
const qualified = new RegExp(`^(${identifier})\\.(${identifier})`, "su");
const somewhere = new RegExp(`(?:^|[\\s(])(${identifier})\\.(${identifier})`, "su");

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

interface Place {
  readonly schema: string;
  readonly name: string;
}

function placeOf(identity: string, shape = qualified): Place | undefined {
  const match = shape.exec(identity);
  return match === null ? undefined : { schema: unquote(match[1] ?? ""), name: unquote(match[2] ?? "") };
}

/** Whether an object is the user's, so that a restore must bring it back. */
export function isUsersObject({ kind, identity }: CatalogObject, platform: ReadonlySet<string>): boolean {
  const isManaged = (schema: string): boolean => isManagedSchema(schema) || platform.has(schema);
  switch (kind) {
    case "schema":
      return !isManaged(unquote(identity));
    case "event-trigger":
      return !isPlatformEventTrigger(unquote(identity));
    case "publication":
      return !isPlatformPublication(unquote(identity));
    case "cron-job":
      return false;
    case "trigger": {
      const place = placeOf(identity);
      if (place === undefined) return true;
      const trigger = unquote(identity.slice(identity.indexOf(" ") + 1));
      return takesPolicies(place.schema)
        ? !isPlatformTrigger(place.schema, `${place.name} ${trigger}`)
        : !isManaged(place.schema);
    }
    case "policy": {
      const schema = placeOf(identity)?.schema ?? "";
      return takesPolicies(schema) || !isManaged(schema);
    }
    case "default-privileges": {
      const [, role = "", schema = ""] = new RegExp(`^(.*) (${identifier}) \\S$`, "su").exec(identity) ?? [];
      return !isManaged(unquote(schema)) && (role === "postgres" || !isPlatformRole(role));
    }
    case "acl": {
      const [, word = "", rest = ""] = /^(large object|\w+) (.*)$/s.exec(identity) ?? [];
      if (word === "schema") return !isManaged(unquote(rest));
      return word === "large object" || !isManaged(placeOf(rest)?.schema ?? "");
    }
    case "comment":
    case "other": {
      if (identity.startsWith("large object ")) return true;
      if (identity.startsWith("schema ")) return !isManaged(unquote(identity.slice(7)));
      const place = placeOf(identity, somewhere);
      if (place === undefined) return kind === "comment" && !identity.startsWith("publication ");
      return identity.startsWith("policy ")
        ? takesPolicies(place.schema) || !isManaged(place.schema)
        : !isManaged(place.schema);
    }
    default:
      return !isManaged(placeOf(identity)?.schema ?? "");
  }
}

export interface ProjectComparison {
  /** What the backup has, the restored project has not, and no report line explains. */
  readonly missing: readonly CatalogObject[];
  readonly findings: readonly Finding[];
}

export interface ComparisonOptions {
  /** Entries that were left out, each with its reason in the report. */
  readonly leftOut: readonly TocEntry[];
  /** Schemas of the target that the platform owns. */
  readonly platformSchemas: ReadonlySet<string>;
  readonly sameMajor: boolean;
  readonly deparsedKinds: ReadonlySet<string>;
}

/** Everything but access rights, which have a comparison of their own. */
export function compareProject(
  backup: readonly CatalogObject[],
  found: readonly CatalogObject[],
  { leftOut, platformSchemas, sameMajor, deparsedKinds }: ComparisonOptions,
): ProjectComparison {
  const wanted = byIdentity(backup, platformSchemas);
  const here = byIdentity(found, platformSchemas);
  const explained = new Set(leftOut.map(({ schema, tag }) => `${schema}.${firstName(tag)}`));
  const isExplained = ({ kind, identity }: CatalogObject): boolean => {
    const place = placeOf(identity, kind === "comment" ? somewhere : qualified);
    const names = leftOut.some(({ tag }) => identity.includes(tag) && tag.length > 2);
    return names || (place !== undefined && explained.has(`${place.schema}.${place.name}`));
  };
  const missing: CatalogObject[] = [];
  const findings: Finding[] = [];
  for (const [key, object] of wanted) {
    const other = here.get(key);
    if (isExplained(object)) continue;
    if (other === undefined) missing.push(object);
    else if (!sameDefinition(object, other) && (sameMajor || !deparsedKinds.has(object.kind))) {
      findings.push(differs(object, other));
    }
  }
  for (const [key, object] of here) if (!wanted.has(key)) findings.push(unexpected(object));
  return { missing, findings };
}

function byIdentity(
  objects: readonly CatalogObject[],
  platform: ReadonlySet<string>,
): ReadonlyMap<string, CatalogObject> {
  const users = objects.filter(
    (object) =>
      object.kind !== "acl" && object.definition !== madeByServer && isUsersObject(object, platform),
  );
  return new Map(users.map((object) => [`${object.kind} ${object.identity}`, object]));
}

function firstName(tag: string): string {
  return /^[^(\s]+/.exec(tag)?.[0] ?? tag;
}

function sameDefinition(a: CatalogObject, b: CatalogObject): boolean {
  if (a.kind === "default-privileges") return sameRights(a.definition, b.definition);
  return withOwner(a.definition) === withOwner(b.definition);
}

function withOwner(definition: string): string {
  return definition.replace(/\bowner (\S+)/, (_, owner: string) => `owner ${ownerAfterRestore(owner)}`);
}

function sameRights(a: string, b: string): boolean {
  const text = (acl: string): string =>
    JSON.stringify(
      [...parseRights(acl).held]
        .map(([grantee, rights]) => [grantee, [...rights].filter(([letter]) => letter !== "m").toSorted()])
        .toSorted(),
    );
  return text(a) === text(b);
}

function differs({ kind, identity, definition }: CatalogObject, other: CatalogObject): Finding {
  return {
    level: "warning",
    code: `${kind}-differs`,
    sentence: `The ${kind} ${identity} differs: ${other.definition} instead of ${definition}.`,
    publicSentence: `A ${kind} differs from the backup.`,
    remedy: "Compare the two by hand; everything else was restored.",
  };
}

function unexpected({ kind, identity }: CatalogObject): Finding {
  return {
    level: "info",
    code: `${kind}-unexpected`,
    sentence: `The ${kind} ${identity} is not in the backup.`,
    publicSentence: `A ${kind} is there that is not in the backup.`,
    remedy: "It stood in the target before, or came with an extension; drop it if nobody needs it.",
  };
}
