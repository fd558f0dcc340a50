/** What a person must know of roles after a restore: the command stands in the sentence, because names are inside. */
import type { Finding } from "../verification/findings.ts";

export type RoleFindingCode =
  | "grantor-differs"
  | "membership-differs"
  | "membership-not-restored"
  | "role-attributes-not-restored"
  | "role-comment-not-restored"
  | "role-created-without-login"
  | "role-differs"
  | "role-setting-not-restored"
  | "parameter-grant-not-restored"
  | "security-label-not-restored"
  | "superuser-left"
  | "superuser-restored"
  | "tablespace-rights-not-restored"
  | "shared-not-recorded";

interface Words {
  readonly publicSentence: string;
  readonly remedy: string;
}

const words: Readonly<Record<RoleFindingCode, Words>> = {
  "grantor-differs": {
    publicSentence: "A role's membership was granted in another role's name than in the backup.",
    remedy: "It matters only for who may revoke it; grant it again as the role that should have.",
  },
  "membership-differs": {
    publicSentence: "Roles that exist here are members of each other otherwise than in the backup.",
    remedy: "Roles that exist are never altered; run the command yourself if the backup is right.",
  },
  "membership-not-restored": {
    publicSentence: "A role's membership could not be restored.",
    remedy: "GRANT it yourself as a role that may, if it should be so.",
  },
  "role-attributes-not-restored": {
    publicSentence: "A role was created with fewer attributes than in the backup.",
    remedy: "Run the command yourself as a role that may, if it should be so.",
  },
  "role-comment-not-restored": {
    publicSentence: "A role's comment could not be restored.",
    remedy: "Run the command yourself as a role that may.",
  },
  "role-created-without-login": {
    publicSentence: "A missing role was created without login and password, and without its attributes.",
    remedy: "Give it what it needs with ALTER ROLE, or restore with roles as backed up.",
  },
  "role-differs": {
    publicSentence: "A role exists here otherwise than in the backup.",
    remedy: "Existing roles are never altered; use ALTER ROLE yourself if the backup's attributes are right.",
  },
  "role-setting-not-restored": {
    publicSentence: "A role's setting was not restored.",
    remedy: "Set it yourself as a role that may; its value is in globals.sql of the backup.",
  },
  "parameter-grant-not-restored": {
    publicSentence: "A right to set a parameter was not restored.",
    remedy: "GRANT it yourself as a superuser, if it should be so.",
  },
  "security-label-not-restored": {
    publicSentence: "A security label was not restored: its provider gives it a meaning.",
    remedy: "Run the command yourself where the label's provider is loaded.",
  },
  "superuser-left": {
    publicSentence:
      "A role without login is a superuser here, as a killed restore of an older version left it.",
    remedy: "Take it back with ALTER ROLE … NOSUPERUSER, unless you made it one.",
  },
  "superuser-restored": {
    publicSentence: "A role was created as a superuser, as it was backed up.",
    remedy: "Take it back with ALTER ROLE … NOSUPERUSER if it need not be one here.",
  },
  "tablespace-rights-not-restored": {
    publicSentence: "A tablespace, or rights on it, are not here as in the backup.",
    remedy: "Tablespaces are never made or altered; do it yourself if the backup is right.",
  },
  "shared-not-recorded": {
    publicSentence: "The backup is of a version that did not record settings and comments of roles.",
    remedy: "They are in globals.sql of the backup; compare them yourself.",
  },
};

/** `command`: what would make it as it was in the backup. */
export function roleFinding(
  code: RoleFindingCode,
  sentence: string,
  command?: string,
  level: Finding["level"] = "warning",
): Finding {
  const whole = command === undefined ? sentence : `${sentence} The command: ${command};`;
  return { level, code, sentence: whole, ...words[code] };
}
