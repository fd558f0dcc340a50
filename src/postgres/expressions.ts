/**
 * Where the server's deparsed expressions stand in the definitions of catalog objects (`catalog-objects.ts`): their
 * text changes once more when it is parsed again, so two definitions may differ in letters and mean the same.
 */
import type { Sql } from "./client.ts";

/** In which surroundings an expression can be parsed. */
export type Surroundings =
  | { readonly kind: "relation" | "list" | "trigger"; readonly relation: string }
  | { readonly kind: "domain"; readonly baseType: string }
  | { readonly kind: "view" | "function" | "rule"; readonly name: string };

export interface DeparsedTexts {
  /** In the order in which they stand in the definition. */
  readonly texts: readonly string[];
  readonly surroundings: Surroundings;
}

/** One query a kind: identity, the texts, and what they are about. Its identities are `catalog-objects.ts`'s. */
const queries: Readonly<Record<string, string>> = {
  constraint: `select k.conrelid::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(k.conname) as identity,
      case when k.contype = 'x' then ${indexTexts("k.conindid")}
           else array[pg_catalog.pg_get_expr(k.conbin, k.conrelid)] end as texts,
      'relation' as surroundings, k.conrelid::pg_catalog.regclass::text as about
    from pg_catalog.pg_constraint k where k.contype in ('c', 'x') and k.conrelid <> 0`,

  "domain-constraint": `select k.contypid::pg_catalog.regtype::text || ' ' || pg_catalog.quote_ident(k.conname) as identity,
      array[pg_catalog.pg_get_expr(k.conbin, 0)] as texts, 'domain' as surroundings,
      pg_catalog.format_type(t.typbasetype, t.typtypmod) as about
    from pg_catalog.pg_constraint k join pg_catalog.pg_type t on t.oid = k.contypid where k.contype = 'c'`,

  index: `select i.indexrelid::pg_catalog.regclass::text as identity, ${indexTexts("i.indexrelid")} as texts,
      'relation' as surroundings, i.indrelid::pg_catalog.regclass::text as about from pg_catalog.pg_index i`,

  trigger: `select t.tgrelid::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(t.tgname) as identity,
      array[substring(pg_catalog.pg_get_triggerdef(t.oid) from ' WHEN \\((.*)\\) EXECUTE (?:FUNCTION|PROCEDURE) ')] as texts,
      'trigger' as surroundings, t.tgrelid::pg_catalog.regclass::text as about
    from pg_catalog.pg_trigger t where t.tgqual is not null`,

  policy: `select p.polrelid::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(p.polname) as identity,
      array[pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)] as texts,
      'relation' as surroundings, p.polrelid::pg_catalog.regclass::text as about from pg_catalog.pg_policy p`,

  table: `select c.oid::pg_catalog.regclass::text as identity,
      array[pg_catalog.pg_get_expr(k.partexprs, c.oid)] || array(
        select pg_catalog.pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef d
        where d.adrelid = c.oid order by d.adnum) as texts,
      'relation' as surroundings, c.oid::pg_catalog.regclass::text as about
    from pg_catalog.pg_class c left join pg_catalog.pg_partitioned_table k on k.partrelid = c.oid`,

  "publication-part": `select pg_catalog.quote_ident(p.pubname) || ' ' || r.prrelid::pg_catalog.regclass::text as identity,
      array[pg_catalog.pg_get_expr(r.prqual, r.prrelid)] as texts,
      'relation' as surroundings, r.prrelid::pg_catalog.regclass::text as about
    from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid`,

  statistics: `select pg_catalog.format('%I.%I', n.nspname, s.stxname) as identity,
      array[substring(pg_catalog.pg_get_statisticsobjdef(s.oid) from ' ON (.*) FROM ')] as texts,
      'list' as surroundings, s.stxrelid::pg_catalog.regclass::text as about
    from pg_catalog.pg_statistic_ext s join pg_catalog.pg_namespace n on n.oid = s.stxnamespace`,

  type: `select t.oid::pg_catalog.regtype::text as identity, array[pg_catalog.pg_get_expr(t.typdefaultbin, 0)] as texts,
      'domain' as surroundings, pg_catalog.format_type(t.typbasetype, t.typtypmod) as about
    from pg_catalog.pg_type t where t.typtype = 'd'`,

  view: `select c.oid::pg_catalog.regclass::text as identity, array[pg_catalog.pg_get_viewdef(c.oid)] as texts,
      'view' as surroundings, '' as about from pg_catalog.pg_class c where c.relkind in ('v', 'm')`,

  function: `select p.oid::pg_catalog.regprocedure::text as identity, array[pg_catalog.pg_get_functiondef(p.oid)] as texts,
      'function' as surroundings, pg_catalog.format('%I.%I', n.nspname, p.proname) as about
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where p.prokind <> 'a' and p.oid >= 16384`,

  rule: `select r.ev_class::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(r.rulename) as identity,
      array[pg_catalog.pg_get_ruledef(r.oid)] as texts, 'rule' as surroundings,
      r.ev_class::pg_catalog.regclass::text as about from pg_catalog.pg_rewrite r where r.rulename <> '_RETURN'`,
};

/** An index's own expressions, column by column, and its predicate. */
function indexTexts(oid: string): string {
  return `(select array(select pg_catalog.pg_get_indexdef(x.indexrelid, (k.n)::integer, false)
        from pg_catalog.unnest(x.indkey::pg_catalog.int2[]) with ordinality k (attnum, n) where k.attnum = 0 order by k.n)
      || array[pg_catalog.pg_get_expr(x.indpred, x.indrelid)]
    from pg_catalog.pg_index x where x.indexrelid = ${oid})`;
}

/** The deparsed texts of these objects as this database spells them; objects without any are left out. */
export async function deparsedTexts(
  sql: Sql,
  kind: string,
  identities: readonly string[],
): Promise<ReadonlyMap<string, DeparsedTexts>> {
  const query = queries[kind];
  if (query === undefined) return new Map();
  const { rows } = await sql.query<{ identity: string; texts: string; surroundings: string; about: string }>(
    `select identity, pg_catalog.array_to_json(texts) as texts, surroundings, about from (${query}) o
     where identity = any ($1::text[])`,
    [identities],
  );
  return new Map(
    rows.flatMap(({ identity, texts, surroundings, about }) => {
      const there = (JSON.parse(texts) as readonly (string | null)[]).filter((text) => text !== null);
      return there.length === 0
        ? []
        : [[identity, { texts: there, surroundings: placed(surroundings, about) }]];
    }),
  );
}

function placed(kind: string, about: string): Surroundings {
  switch (kind) {
    case "domain":
      return { kind, baseType: about };
    case "view":
    case "function":
    case "rule":
      return { kind, name: about };
    case "list":
    case "trigger":
      return { kind, relation: about };
    default:
      return { kind: "relation", relation: about };
  }
}
