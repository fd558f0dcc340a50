/** The settings that the Management API takes back, as fields that can be compared and written one by one. */
import type { ProjectSettings } from "../snapshot/project-settings.ts";
import { acceptedFields } from "./accepted-fields.ts";

/** Behind functions and before what may lock us out: each may restart a service. */
export const writableSettings = [
  "auth",
  "data-api",
  "storage",
  "realtime",
  "pooler",
  "postgres",
  "ssl-enforcement",
  "network-restrictions",
] as const;
export type WritableSetting = (typeof writableSettings)[number];

const accepted: Readonly<Record<WritableSetting, readonly string[]>> = {
  ...acceptedFields,
  pooler: ["default_pool_size?"],
  "ssl-enforcement": ["database"],
  "network-restrictions": ["dbAllowedCidrs", "dbAllowedCidrsV6"],
};

/** "yes"; "no", as the platform makes it; "not-null": but not an empty value. */
export function acceptance(
  setting: WritableSetting,
  field: string,
  value: unknown,
): "yes" | "no" | "not-null" {
  const names = accepted[setting];
  if (names.includes(`${field}?`)) return "yes";
  if (!names.includes(field)) return "no";
  return value === null ? "not-null" : "yes";
}

/** Fields of one answer; those of inner objects behind a dot. Undefined where the answer has no such shape. */
export function flatFields(
  setting: WritableSetting,
  settings: Readonly<ProjectSettings["settings"]>,
): ReadonlyMap<string, unknown> | undefined {
  const answer = settings[setting];
  if (answer === undefined) return undefined;
  switch (setting) {
    case "pooler": {
      const primary = (Array.isArray(answer) ? (answer as readonly unknown[]) : [])
        .map(fieldsOf)
        .find((one) => one["database_type"] === "PRIMARY");
      if (primary === undefined) return undefined;
      return new Map([["default_pool_size", primary["default_pool_size"] ?? null]]);
    }
    case "ssl-enforcement":
      return new Map(Object.entries(fieldsOf(fieldsOf(answer)["currentConfig"])));
    case "network-restrictions":
      return new Map(
        Object.entries(fieldsOf(fieldsOf(answer)["config"])).map(([name, ranges]) => [
          name,
          Array.isArray(ranges) ? (ranges as readonly unknown[]).map(String).sort() : ranges,
        ]),
      );
    case "storage":
      return new Map(leaves(fieldsOf(answer), ""));
    case "auth":
    case "data-api":
    case "realtime":
    case "postgres":
      return new Map(Object.entries(fieldsOf(answer)));
  }
}

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, unknown>>) : {};
}

function leaves(fields: Readonly<Record<string, unknown>>, prefix: string): [string, unknown][] {
  return Object.entries(fields).flatMap(([name, value]) => {
    const inner = Object.keys(fieldsOf(value)).length > 0;
    return inner ? leaves(fieldsOf(value), `${prefix}${name}.`) : [[`${prefix}${name}`, value]];
  });
}

/** The reverse of `leaves`. */
export function nested(fields: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  const whole: Record<string, unknown> = {};
  for (const [path, value] of fields) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    let place = whole;
    for (const name of names) place = (place[name] ??= {}) as Record<string, unknown>;
    place[last] = value;
  }
  return whole;
}

/** The same whatever the order of an object's keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
