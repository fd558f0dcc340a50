/** The rings of ARCHITECTURE.md: dependencies point inward, and each rule says why it is there. */
const inside =
  "^src/(policy|snapshot|retention|verification|seal|postgres|supabase|storage|application|store|alerts|ledger|monitoring|status-page)/";

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-cycles",
      comment: "A cycle means that two files are one idea; merge them or find the third.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "runner-only-at-the-edge",
      comment:
        "Only src/runner and the artifact store know GitHub's runner; everything else must work from a terminal.",
      severity: "error",
      from: { pathNot: "^src/(runner/|store/artifacts)" },
      to: { path: "node_modules/@actions/" },
    },
    {
      name: "tools-know-no-operations",
      comment: "Tools and rules are used by operations, never the other way round.",
      severity: "error",
      from: { path: inside },
      to: { path: "^src/(operations|actions|cli|runner)/" },
    },
    {
      name: "operations-know-no-edge",
      comment: "An operation must run the same from an action and from a terminal.",
      severity: "error",
      from: { path: "^src/operations/" },
      to: { path: "^src/(actions|cli|runner)/" },
    },
    {
      name: "runner-knows-no-operations",
      comment: "The funnel and the input readers serve every action; they know none of them.",
      severity: "error",
      from: { path: "^src/runner/" },
      to: { path: "^src/(operations|actions|cli)/" },
    },
    {
      name: "system-is-the-floor",
      comment: "The machine's interfaces depend on nothing but Node and our error type.",
      severity: "error",
      from: { path: "^src/system/" },
      to: { path: "^src/", pathNot: "^src/(system/|errors|error-catalogue)" },
    },
    {
      name: "pure-rules-do-no-io",
      comment:
        "Policy, retention, verification, monitoring and the status page are data in, data out; they are tested as tables.",
      severity: "error",
      from: { path: "^src/(policy|retention|verification|monitoring|status-page)/" },
      to: { path: "^(node:)?(fs|net|http|https|child_process|tls|dns)(/|$)", dependencyTypes: ["core"] },
    },
    {
      name: "no-orphans",
      comment: "A file nobody imports is dead.",
      severity: "error",
      from: { orphan: true, path: "^src/", pathNot: "^src/main.ts$" },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { conditionNames: ["import", "types", "node"], exportsFields: ["exports"] },
  },
};
