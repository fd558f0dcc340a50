/** Every shape that is tried, by kind. */
import { definitions } from "./definitions.ts";
import { elsewhere } from "./elsewhere.ts";
import { leftOut } from "./left-out.ts";
import { loading } from "./loading.ts";
import { newer } from "./newer.ts";
import { objects } from "./objects.ts";
import { surroundings } from "./surroundings.ts";
import type { Kind, SqlShape } from "./shape.ts";

export const kinds: readonly Kind[] = [
  definitions,
  newer,
  objects,
  leftOut,
  loading,
  surroundings,
  elsewhere,
];

export const sqlShapes: readonly SqlShape[] = kinds.flatMap(({ shapes }) =>
  shapes.filter((shape): shape is SqlShape => "setup" in shape),
);
