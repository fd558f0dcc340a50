/** Which package of Debian's or PGDG's brings an extension: their names have no rule, so each stands here. */

/** Behind `postgresql-<major>-`; the extension's own name where nothing else is said. */
const behindMajor = `
  address_standardizer=postgis-3 address_standardizer_data_us=postgis-3 age asn1oid credcheck debversion
  extra_window_functions=extra-window-functions first_last_agg=first-last-agg h3 h3_postgis=h3 hll http hypopg
  icu_ext=icu-ext ip4r jsquery londiste=londiste-sql mimeo mobilitydb mysql_fdw=mysql-fdw numeral ogr_fdw=ogr-fdw
  oracle_fdw=oracle-fdw orafce periods pg_cron=cron pg_dirtyread=dirtyread pg_fact_loader=pg-fact-loader
  pg_hint_plan=pg-hint-plan pg_partman=partman pg_permissions=pg-permissions pg_qualstats=pg-qualstats
  pg_rational=rational pg_repack=repack pg_rrule=pg-rrule pg_show_plans=show-plans pg_similarity=similarity
  pg_snakeoil=snakeoil pg_sphere=pgsphere pg_squeeze=squeeze pg_stat_kcache=pg-stat-kcache pg_statviz=statviz
  pg_track_settings=pg-track-settings pg_wait_sampling=pg-wait-sampling pgaudit pgauditlogtofile
  pgautofailover=auto-failover pgfaceting pgfincore pgl_ddl_deploy=pgl-ddl-deploy pglogical pglogical_origin=pglogical
  pglogical_ticker=pglogical-ticker pgmemcache pgmp pgnodemx pgpcre pgq=pgq3 pgq_node=pgq-node pgrouting pgtap pgtt
  pldbgapi=pldebugger pljava pllua plluau=pllua plpgsql_check=plpgsql-check plprofiler plproxy plr plsh pointcloud
  pointcloud_postgis=pointcloud postgis=postgis-3 postgis_raster=postgis-3 postgis_sfcgal=postgis-3
  postgis_tiger_geocoder=postgis-3 postgis_topology=postgis-3 powa pre_prepare=preprepare prefix prioritize q3c rdkit
  repmgr roaringbitmap rum semver set_user=set-user table_log=tablelog tdigest tds_fdw=tds-fdw timescaledb toastinfo
  unit vector=pgvector`;

/** Before the major: languages, and what needs one. */
const beforeMajor = `
  bool_plperl=plperl bool_plperlu=plperl hstore_plperl=plperl hstore_plperlu=plperl hstore_plpython3u=plpython3
  jsonb_plperl=plperl jsonb_plperlu=plperl jsonb_plpython3u=plpython3 ltree_plpython3u=plpython3 plperl plperlu=plperl
  plpython3u=plpython3 pltcl pltclu=pltcl`;

const pairs = (list: string): ReadonlyMap<string, string> =>
  new Map(
    list
      .trim()
      .split(/\s+/)
      .map((entry) => {
        const [extension = "", name = extension] = entry.split("=");
        return [extension, name];
      }),
  );
const [named, languages] = [pairs(behindMajor), pairs(beforeMajor)];

/** undefined: there is none that we know. Names come from a backup; none of them reaches a package manager. */
export function packageOf(extension: string, major: number): string | undefined {
  const language = languages.get(extension);
  if (language !== undefined) return `postgresql-${language}-${major}`;
  const name = named.get(extension);
  return name === undefined ? undefined : `postgresql-${major}-${name}`;
}
