/** What people paste where a database URL belongs; each in one sentence that repeats nothing of what was pasted. */

export interface Mistake {
  readonly why: string;
  readonly cure: string;
}

interface KnownMistake extends Mistake {
  readonly looksLike: RegExp;
}

export const encodingCure =
  "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE and percent-encode the password: `@` is %40, `/` is %2F, " +
  "`#` is %23, `?` is %3F, `%` is %25, a space %20. Example: the password `a/b@c` is written a%2Fb%40c.";

const known: readonly KnownMistake[] = [
  {
    looksLike: /\$\{\{/,
    why: "is a GitHub expression that nothing evaluated",
    cure: "Expressions work in workflow files only: pass the secret there, as an input or below `env:`.",
  },
  {
    looksLike: /^["'`]|["'`]$/,
    why: "is wrapped in quotes",
    cure: "Store the URL without quotes.",
  },
  {
    looksLike: /^\$(?:\{\w+\}|\w+)$|^\$env:\w+$|^%\w+%$/i,
    why: "is the name of a variable that no shell replaced",
    cure: "Store the URL itself, or pass `env:NAME` on the command line.",
  },
  {
    looksLike: /^(?:\$\s+)?(?:psql|pg_dump|pg_restore)\s/i,
    why: "is a command, not a URL",
    cure: "Store only the URL, which begins with postgresql://.",
  },
  {
    looksLike: /^jdbc:/i,
    why: "is a JDBC URL",
    cure: "Remove `jdbc:` and put user and password before the host: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
  },
  {
    looksLike: /^(?:export\s+|set\s+)?[a-z_]\w*\s*[=:]\s*["']?postgres(?:ql)?:\/\//i,
    why: "begins with a variable's name",
    cure: "Store only what follows the name: the URL begins with postgresql://.",
  },
  {
    looksLike: /^[a-z_]+\s*=/i,
    why: "is a list of keywords, not a URL",
    cure: "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
  },
  {
    looksLike:
      /[[<{(](?:your|my|the|db|database)?[-_ ]*(?:db|database)?[-_ ]*(?:password|passwd|pass)[\]>})]/i,
    why: "still has a placeholder where the password belongs",
    cure: "Replace the placeholder and its brackets with the database's password, percent-encoded.",
  },
  {
    looksLike: /:(?:your[-_ ]?(?:db[-_ ]?|database[-_ ]?)?password|\$\{?\w+\}?)@/i,
    why: "still has a placeholder where the password belongs",
    cure: "Replace the placeholder with the database's password, percent-encoded.",
  },
  {
    looksLike:
      /\[(?:your|my|project|aws|region)[-_ a-z]*\]|<(?:your|my|project|region|host|user|db)[-_ a-z]*>/i,
    why: "still has a placeholder",
    cure: "Copy the whole URL from the server's dashboard and replace every placeholder.",
  },
];

/** Undefined where the text looks like none of them. */
export function knownMistake(text: string): Mistake | undefined {
  return known.find(({ looksLike }) => looksLike.test(text));
}
