/**
 * The shape of `.github/lifeboat.yml`. docs/schemas/policy.schema.json and the tables of docs/policy.md are generated
 * from here; what several fields must agree on is in src/policy/agreement.ts.
 */
import { z } from "zod";
import { isSourceName, sourceNameRule } from "../snapshot/keys.ts";
import { parseSigners } from "../snapshot/signed-document.ts";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import { isTimezone } from "./calendar.ts";
import { dayMs, yearMs } from "./durations.ts";
import { lockModes, policyWaivers } from "./policy.ts";
import { nearestWord } from "../near-miss.ts";
import {
  described,
  duration,
  durationText,
  hourMs,
  optionalWords,
  quoted,
  read,
  refuse,
  secret,
  shaped,
  urlOrSecret,
  words,
} from "./schema-values.ts";

const minuteMs = 60_000;

export const defaultTiers: Readonly<Partial<Record<Tier, number>>> = {
  hourly: 2 * dayMs,
  daily: 30 * dayMs,
  weekly: 90 * dayMs,
};

const sourceObjectives = (every: number, rto: number) => ({
  every: duration(5 * minuteMs, 7 * dayMs)
    .optional()
    .meta(described("How often a backup is wanted.", durationText(every))),
  rpo: duration(minuteMs, yearMs)
    .optional()
    .meta({ description: "Recovery point objective: how much may be lost at most. Default: `every`." }),
  rto: duration(minuteMs, yearMs)
    .optional()
    .meta(described("Recovery time objective: how long a recovery may take.", durationText(rto))),
});

export const sourceDefaults = {
  postgres: { everyMs: hourMs, rtoMs: 4 * hourMs },
  "supabase-storage": { everyMs: dayMs, rtoMs: 8 * hourMs },
  application: { everyMs: dayMs, rtoMs: hourMs },
} as const;

const objectivesOf = (type: keyof typeof sourceDefaults) =>
  sourceObjectives(sourceDefaults[type].everyMs, sourceDefaults[type].rtoMs);

const least = z.int().min(1).optional();
const expectOf = <K extends "tables" | "rows" | "objects">(...measures: readonly K[]) =>
  z
    .strictObject(Object.fromEntries(measures.map((measure) => [measure, least])) as Record<K, typeof least>)
    .optional()
    .meta({ description: "The least that a backup must have; one with less is kept, but its step fails." });

export const sourceShapes = {
  postgres: z.strictObject({
    type: z.literal("postgres"),
    url: secret.meta({ description: "The postgresql:// URL." }),
    ...objectivesOf("postgres"),
    expect: expectOf("tables", "rows", "objects"),
    jobs: z.int().min(1).max(16).optional().meta({ description: "Connections at once." }),
    supabase: z
      .boolean()
      .optional()
      .meta({ description: "Whether it is a Supabase project's database. Default: its catalog decides." }),
    vault: z
      .boolean()
      .optional()
      .meta(
        described("Whether Supabase Vault's secrets are backed up, decrypted into a sealed part.", false),
      ),
    "role-passwords": z
      .boolean()
      .optional()
      .meta(described("Whether verifiers of roles' passwords are backed up, in a sealed part.", false)),
  }),
  "supabase-storage": z.strictObject({
    type: z.literal("supabase-storage"),
    url: urlOrSecret.meta({ description: "https://REF.supabase.co, or where it stands." }),
    key: secret.meta({ description: "A secret (service_role) key." }),
    "database-url": secret
      .optional()
      .meta({ description: "Lists the objects by SQL, all at one moment, instead of by the Storage API." }),
    ...objectivesOf("supabase-storage"),
    expect: expectOf("objects"),
    include: optionalWords.meta({ description: "Globs on `bucket/name`. Default: everything." }),
    exclude: optionalWords.meta({ description: "Globs on `bucket/name`, after `include`." }),
    "at-once": z
      .int()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: "Objects fetched at the same time at most." }),
    shards: z.int().min(1).max(64).optional().meta(described("Jobs that share the first, large backup.", 1)),
  }),
  application: z.strictObject({
    type: z.literal("application"),
    paths: words.min(1).optional().meta(described("Paths to back up besides the git repository.", "[.]")),
    config: optionalWords.meta({ description: "Folders with configuration." }),
    exclude: optionalWords.meta({ description: "Globs of paths that stay out." }),
    env: secret.optional().meta({ description: "The environment file's text." }),
    "access-token": secret
      .optional()
      .meta({ description: "Supabase management token: the project's settings are backed up too." }),
    project: shaped(/^[a-z]{20}$/, "the ref of a Supabase project", "abcdefghijklmnopqrst")
      .optional()
      .meta({ description: "Whose settings: the project's ref, the 20 letters of https://REF.supabase.co." }),
    "on-push": z
      .boolean()
      .optional()
      .meta(described("Whether a push to the default branch is backed up at once.", true)),
    ...objectivesOf("application"),
    expect: expectOf("objects"),
  }),
} as const;

const tierShortest: Readonly<Record<Tier, number>> = {
  hourly: hourMs,
  daily: dayMs,
  weekly: 7 * dayMs,
  monthly: 28 * dayMs,
  yearly: 365 * dayMs,
};
const tierDurations = Object.fromEntries(
  tiers.map((tier) => [
    tier,
    duration(tierShortest[tier], 100 * yearMs)
      .optional()
      .meta({ description: `How long the ${tier} backup is kept; without it none is made.` }),
  ]),
) as Record<Tier, z.ZodOptional<ReturnType<typeof duration>>>;

const ownRetention = z
  .strictObject(tierDurations)
  .optional()
  .meta({ description: "What this store keeps. Default: of the common retention what it can keep." });

const lock = z.enum(lockModes);
const byTier = <T extends z.ZodType>(one: T) =>
  z.union([one, z.strictObject(Object.fromEntries(tiers.map((tier) => [tier, one.optional()])))]);

export const storeShapes = {
  "github-artifacts": z.strictObject({
    type: z.literal("github-artifacts"),
    "allowed-branches": optionalWords.meta({
      description: "Branches whose backups count, besides the default one.",
    }),
    retention: ownRetention,
  }),
  s3: z.strictObject({
    type: z.literal("s3"),
    bucket: shaped(
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      "the name of a bucket (3 to 63 lower-case letters, digits, dots and hyphens)",
      "our-backups",
    ),
    prefix: shaped(
      /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/,
      "a folder without slashes around it",
      "shop/backups",
    )
      .optional()
      .meta({ description: "A folder in the bucket." }),
    region: z.string().min(1).optional(),
    endpoint: shaped(/^https?:\/\/[^\s/@]+\/?$/, "the address of a server", "https://s3.example.org", {
      format: "uri",
    })
      .optional()
      .meta({ description: "For S3 servers that are not AWS's." }),
    "path-style": z.boolean().optional().meta(described("Whether the bucket stands in the path.", false)),
    profile: z.string().min(1).optional().meta({ description: "Profile of the AWS configuration files." }),
    lock: byTier(lock)
      .optional()
      .meta(described("Object Lock until the last tier ends, for all tiers or by tier.", "none")),
    "storage-class": byTier(
      shaped(/^[A-Z0-9_]+$/, "a storage class in the provider's capitals", "STANDARD_IA"),
    )
      .optional()
      .meta({ description: "For all tiers or by tier, for example STANDARD_IA. Default: the bucket's." }),
    retention: ownRetention,
  }),
  directory: z.strictObject({
    type: z.literal("directory"),
    path: shaped(/^\/(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))/, "an absolute path", "/mnt/backups"),
    retention: ownRetention,
  }),
} as const;

const emailAddress = shaped(/^[^\s@,;]+@[^\s@,;]+$/, "one e-mail address", "ops@example.org");

/** One schema for each top-level key, so that a problem in one hides none in another. */
export const sections = {
  timezone: read((text) => {
    if (isTimezone(text)) return text;
    const near = nearestWord(text, Intl.supportedValuesOf("timeZone"));
    return refuse(
      `is ${quoted(text)}, not the name of a time zone.`,
      near === undefined ? "Write for example Europe/Berlin, or UTC." : `Did you mean ${near}?`,
    );
  })
    .optional()
    .meta(described("Days, weeks, months and years are counted here.", "UTC")),
  recipients: words.meta({
    description:
      "Public keys (age1…) for which backups are sealed: everyday and offline. All X25519, or all post-quantum.",
  }),
  waive: z
    .array(z.enum(policyWaivers))
    .optional()
    .meta({ description: "What is knowingly done without; every report shows it." }),
  signer: z.string().refine(isPublicKeys, { error: "is not a public key in PEM form." }).optional().meta({
    description:
      "Public keys in PEM form, one behind the other: of the key that signs snapshots, evidence and tombstones, and of those before it.",
  }),
  retention: z
    .strictObject({
      ...tierDurations,
      "keep-at-least": z
        .int()
        .min(1)
        .max(1000)
        .optional()
        .meta(described("This many good backups stay, however old.", 3)),
    })
    .optional()
    .meta({ description: "How long each tier is kept. Default: hourly 2d, daily 30d, weekly 90d." }),
  verify: z
    .strictObject({
      restore: duration(hourMs, yearMs)
        .optional()
        .meta(described("How often a backup is restored into a throwaway server and compared.", "7d")),
      waive: optionalWords.meta({
        description: "Components, `extension:NAME`, or names from findings that may stay unproven.",
      }),
      "trust-contents": z
        .boolean()
        .optional()
        .meta(
          described(
            "Execute a backup's contents even where they cannot be isolated: true only if you trust whoever could change the source.",
            false,
          ),
        ),
      checks: z
        .array(
          z.strictObject({
            name: z.string().min(1),
            source: z.string().optional().meta({ description: "Name of the database. Default: every one." }),
            sql: z.string().min(1).meta({ description: "A query that gives one value." }),
            expect: z.union([z.string(), z.number(), z.boolean()]),
          }),
        )
        .optional()
        .meta({ description: "Queries of your own, asked of every restored database." }),
    })
    .optional(),
  drills: z
    .strictObject({
      restoration: duration(dayMs, 10 * yearMs)
        .optional()
        .meta(described("How often a restoration is drilled.", "90d")),
      "of-age": duration(hourMs, 10 * yearMs)
        .optional()
        .meta(described("How old the drilled backup should be.", "30d")),
      disaster: duration(dayMs, 10 * yearMs)
        .optional()
        .meta(described("How often the loss of everything is drilled.", "1y")),
    })
    .optional(),
  restore: z
    .strictObject({
      "another-actor": z
        .boolean()
        .optional()
        .meta(
          described(
            "Whether another person than the planner must perform a restore; the restore asks GitHub who that was.",
            false,
          ),
        ),
      before: z.string().min(1).optional().meta({ description: "Command that stops the application." }),
      after: z.string().min(1).optional().meta({ description: "Command that starts it again." }),
    })
    .optional(),
  keys: z
    .strictObject({
      rotate: duration(dayMs, 10 * yearMs)
        .optional()
        .meta(described("How often the keys are rotated; later is a finding.", "1y")),
    })
    .optional(),
  alerts: z
    .strictObject({
      grace: duration(0, 7 * dayMs)
        .optional()
        .meta(described("How late a backup may be before anybody is told.", "30m")),
      issues: z
        .union([
          z.literal(false, {
            error: ({ input }) =>
              input === true
                ? refuse("is true.", "Write false for none, or { labels: [backup] }, or nothing at all.")
                    .refused
                : undefined,
          }),
          z.strictObject({ labels: optionalWords, assignees: optionalWords }),
        ])
        .optional()
        .meta(described("GitHub issues; `false` for none.", "{ labels: [backup] }")),
      email: z
        .strictObject({
          to: z.union([emailAddress, z.array(emailAddress).min(1)]),
          from: emailAddress.optional().meta({ description: "Default: the first of `to`." }),
          host: secret.optional().meta(described("", "{ secret: SMTP_HOST }")),
          port: secret.optional().meta(described("", "{ secret: SMTP_PORT }")),
          user: secret.optional().meta(described("", "{ secret: SMTP_USER }")),
          password: secret.optional().meta(described("", "{ secret: SMTP_PASS }")),
          secure: secret.optional().meta(described("", "{ secret: SMTP_SECURE }")),
        })
        .optional(),
      webhook: z
        .union([
          secret,
          z.strictObject({
            url: secret,
            format: z.enum(["slack", "plain"]).optional().meta(described("", "slack")),
          }),
        ])
        .optional()
        .meta({ description: "Its address is a secret: https://, and http:// on this machine only." }),
      ping: secret.optional().meta({
        description:
          "A dead man's switch (healthchecks.io and the like): told of start, success and failure.",
      }),
    })
    .optional(),
} as const;

/** Maps from names to one of several shapes; each entry is checked by itself. */
export const namedSections = { stores: storeShapes, sources: sourceShapes } as const;

export const sourceName = z.string().refine(isSourceName, { error: `is not ${sourceNameRule}.` });

/** The whole file, for editors. */
export const policyFileSchema = z
  .strictObject({
    version: z.literal(1).meta({ description: "Of this format." }),
    timezone: sections.timezone,
    recipients: sections.recipients,
    signer: sections.signer,
    stores: z
      .record(z.string(), z.discriminatedUnion("type", Object.values(storeShapes) as never))
      .optional()
      .meta({ description: "Where backups are kept. Each gets every backup that its retention asks for." }),
    sources: z
      .record(z.string(), z.discriminatedUnion("type", Object.values(sourceShapes) as never))
      .meta({ description: "What is protected." }),
    retention: sections.retention,
    verify: sections.verify,
    drills: sections.drills,
    restore: sections.restore,
    keys: sections.keys,
    alerts: sections.alerts,
    waive: sections.waive,
  })
  .meta({ title: "Lifeboat policy (.github/lifeboat.yml)" });

function isPublicKeys(text: string): boolean {
  try {
    return parseSigners(text).length > 0;
  } catch {
    return false;
  }
}
