/** Expressions as GitHub evaluates them, by its own library. */
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import { truthy } from "@actions/expressions/result";

export type Contexts = Readonly<Record<string, unknown>>;

/** How what came before ended: what `success()` and the others are asked about. */
export interface Status {
  readonly succeeded: boolean;
  readonly failed: boolean;
}

export function evaluate(expression: string, contexts: Contexts, status?: Status): unknown {
  const result = evaluated(expression, contexts, status);
  return JSON.parse(JSON.stringify(result, data.replacer)) as unknown;
}

export function holds(expression: string, contexts: Contexts, status: Status): boolean {
  return truthy(evaluated(expression, contexts, status));
}

function evaluated(expression: string, contexts: Contexts, status: Status | undefined): data.ExpressionData {
  const functions = status === undefined ? [] : statusFunctions(status);
  const { tokens } = new Lexer(expression).lex();
  const tree = new Parser(tokens, Object.keys(contexts), functions).parse();
  const values = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
  return new Evaluator(tree, values, new Map(functions.map((one) => [one.name, one]))).evaluate();
}

function statusFunctions({ succeeded, failed }: Status): FunctionDefinition[] {
  const answers = { success: succeeded, failure: failed, always: true, cancelled: false };
  return Object.entries(answers).map(([name, answer]) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(answer),
  }));
}

/** A YAML value with its expressions: one that is nothing else keeps its type, others become text. */
export function interpolate(value: unknown, contexts: Contexts): unknown {
  if (Array.isArray(value)) return value.map((item) => interpolate(item, contexts));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolate(item, contexts)]));
  }
  if (typeof value !== "string") return value;
  const [, alone] = /^\$\{\{((?:(?!\}\}).)*)\}\}$/s.exec(value) ?? [];
  if (alone !== undefined) return evaluate(alone, contexts);
  return value.replace(/\$\{\{(.*?)\}\}/gs, (_, expression: string) =>
    asText(evaluate(expression, contexts)),
  );
}

export function texts(values: object | undefined, contexts: Contexts): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([name, value]) => [name, asText(interpolate(value, contexts))]),
  );
}

export function asText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value);
}
