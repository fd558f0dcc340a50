/** Values of the policy file: texts that become what they mean, or are refused with a sentence and its cure. */
import { z } from "zod";
import { durationRule } from "../duration.ts";
import {
  dayMs,
  durationInWords,
  durationSuggestion,
  parsePolicyDuration,
  policyDurationShape,
} from "./durations.ts";

export const hourMs = 3_600_000;

/** A sentence and its cure in the one text that a zod issue carries; src/policy/issue-words.ts takes them apart. */
export const cureMark = "\0";

interface Refusal {
  readonly refused: string;
}
type Refuse = (sentence: string, cure: string) => Refusal;
type ForOthers = (value: unknown) => Refusal | undefined;

export const refuse: Refuse = (sentence, cure) => ({ refused: `${sentence}${cureMark}${cure}` });

/** A text that `readText` turns into a value, or refuses; `others` has the words for what is no text. */
export function read<T extends string | number>(
  readText: (text: string) => T | Refusal,
  json: Readonly<Record<string, unknown>> = {},
  others: ForOthers = () => undefined,
) {
  return z
    .string({ error: ({ input }) => others(input)?.refused })
    .meta(json)
    .transform((text, context): T => {
      const value = readText(text);
      if (typeof value !== "object") return value;
      context.issues.push({ code: "custom", message: value.refused, input: text });
      return z.NEVER;
    });
}

/** A text of a fixed shape. */
export function shaped(
  shape: RegExp,
  rule: string,
  example: string,
  json: Readonly<Record<string, unknown>> = {},
) {
  return read(
    (text) => (shape.test(text) ? text : refuse(`is not ${rule}.`, `Write for example ${example}.`)),
    {
      pattern: shape.source,
      ...json,
    },
  );
}

export function duration(minMs: number, maxMs: number) {
  return read(
    (text) => {
      const value = parsePolicyDuration(text);
      if (value === undefined) {
        const near = durationSuggestion(text);
        return refuse(
          `is ${quoted(text)}, not ${durationRule.replace("d or w", "d, w or y")}.`,
          near === undefined ? "Write for example 30d." : `Did you mean ${near}?`,
        );
      }
      if (value >= minMs && value <= maxMs) return value;
      const minutes = /^(\d+)m$/.exec(text)?.[1];
      return refuse(
        `is ${text}, not from ${durationInWords(minMs)} to ${durationInWords(maxMs)}.`,
        minutes !== undefined && value < minMs
          ? `m stands for minutes: for ${minutes} months write ${Number(minutes) * 31}d.`
          : "Write a duration between them.",
      );
    },
    { pattern: policyDurationShape, examples: ["30d"] },
    (value) =>
      typeof value === "number"
        ? refuse(`is ${value} without a unit.`, `Did you mean ${value}d?`)
        : undefined,
  );
}

export const secret = z
  .strictObject(
    {
      secret: read(
        (text) =>
          /^[A-Z_][A-Z0-9_]{0,99}$/.test(text)
            ? text
            : refuse(
                "is not the name of an environment variable.",
                "Give the name alone (capitals, digits, underscores), for example DATABASE_URL; the value belongs into the repository's secrets.",
              ),
        { pattern: "^[A-Z_][A-Z0-9_]*$" },
      ),
    },
    {
      error: ({ code, input }) =>
        code === "invalid_type" && input !== undefined
          ? refuse(
              "is a value where only { secret: NAME } may stand.",
              "Put the value into the repository's secrets and name it here: a policy names secrets, never holds them.",
            ).refused
          : undefined,
    },
  )
  .meta({ description: "The environment variable that holds it: a policy names secrets, never holds them." });

/** Some addresses are no secret; one with a password is found by src/policy/literal-secrets.ts. */
export const urlOrSecret = z.union([
  shaped(/^https?:\/\/[^\s@]+$/, "an https:// address", "https://REF.supabase.co", { format: "uri" }),
  secret,
]);

export const words = z.array(z.string().min(1));
export const optionalWords = words.optional();

export function durationText(ms: number): string {
  return ms % dayMs === 0 ? `${ms / dayMs}d` : `${ms / hourMs}h`;
}

/** Long or strange values are cut, so that a log stays readable. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** The default stands in the sentence: JSON Schema's own word for it gets lost where texts are turned into values. */
export function described(
  meaning: string,
  usual: string | number | boolean,
): { readonly description: string } {
  return { description: `${meaning} Default: \`${usual}\`.`.trim() };
}
