import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { packageOf } from "../../../src/postgres/extension-packages.ts";
import { runTool } from "../../../src/system/process.ts";

test("packages are called as they are, not as extensions are", () => {
  const of = (name: string): unknown => packageOf(name, 17);
  expect(of("vector")).toBe("postgresql-17-pgvector");
  expect(of("postgis_topology")).toBe("postgresql-17-postgis-3");
  expect(of("pg_cron")).toBe("postgresql-17-cron");
  expect(of("pg_partman")).toBe("postgresql-17-partman");
  expect(of("pgq")).toBe("postgresql-17-pgq3");
  expect(of("pg_hint_plan")).toBe("postgresql-17-pg-hint-plan");
  expect(of("hll")).toBe("postgresql-17-hll");
  expect(of("hstore_plpython3u")).toBe("postgresql-plpython3-17");
  for (const hostile of ["", "constructor", "__proto__", "-o=x", "hll postgis", "nothing"])
    expect(of(hostile)).toBeUndefined();
});

const indexed = async (): Promise<readonly string[]> => {
  if (!existsSync("/usr/bin/apt-cache")) return [];
  const { stdout } = await runTool({ program: "apt-cache", args: ["pkgnames", "postgresql-15-"] });
  return stdout.toString().split("\n");
};
const names = await indexed();

test.skipIf(!names.includes("postgresql-15-cron"))("Debian's own index has those that it packages", () => {
  const wanted = [
    ...[
      "asn1oid",
      "debversion",
      "extra_window_functions",
      "first_last_agg",
      "hll",
      "hypopg",
      "icu_ext",
      "ip4r",
    ],
    ...["jsquery", "londiste", "mimeo", "mysql_fdw", "numeral", "ogr_fdw", "orafce", "periods", "pg_cron"],
    ...["pg_dirtyread", "pg_fact_loader", "pg_partman", "pg_qualstats", "pg_rational", "pg_repack"],
    ...[
      "pg_similarity",
      "pg_snakeoil",
      "pg_sphere",
      "pg_stat_kcache",
      "pg_track_settings",
      "pg_wait_sampling",
    ],
    ...[
      "pgaudit",
      "pgautofailover",
      "pgfincore",
      "pgl_ddl_deploy",
      "pglogical",
      "pgmemcache",
      "pgmp",
      "pgpcre",
    ],
    ...[
      "pgq",
      "pgq_node",
      "pgrouting",
      "pgtap",
      "pldbgapi",
      "pllua",
      "plpgsql_check",
      "plprofiler",
      "plproxy",
    ],
    ...[
      "plr",
      "plsh",
      "pointcloud",
      "postgis",
      "powa",
      "pre_prepare",
      "prefix",
      "prioritize",
      "q3c",
      "rdkit",
    ],
    ...["repmgr", "rum", "semver", "set_user", "table_log", "tdigest", "tds_fdw", "toastinfo", "unit"],
  ];
  expect(wanted.filter((name) => !names.includes(packageOf(name, 15) ?? ""))).toEqual([]);
});
