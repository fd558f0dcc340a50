/** Policies for tests, made as users make them: from a file. */
import { readPolicy } from "../../../src/policy/check.ts";
import type { Policy } from "../../../src/policy/policy.ts";

/** Two public keys whose identities nobody has. */
export const recipients = [
  "age16wzeuu3vgv6prwug6t78d55uaxqyprlefhyuzcwzl0fjrqlm49jqtvva28",
  "age14wa8ccjhwhfayhqem720t5h2ehydwa88edxwn9gdd9tumy8eeqdqpz7ev0",
] as const;

export const head = `version: 1\nrecipients: [${recipients.join(", ")}]\n`;

export const allTiersKept = "retention: { hourly: 2d, daily: 30d, weekly: 90d, monthly: 1y, yearly: 7y }\n";
export const archive = "stores: { archive: { type: s3, bucket: our-backups } }\n";

export function policyOf(rest: string): Policy {
  return readPolicy(head + rest).policy;
}
