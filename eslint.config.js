import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

const wallClock = "Only src/system/clock.ts reads the wall clock, so that tests and drills can set the time.";
const environment =
  "Inputs and settings are read once, at the edge (src/runner, src/cli) or in src/system/environment.ts.";

export default defineConfig(
  { ignores: ["dist/", "build/", ".cache/", "node_modules/"] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ["*.js", "bin/*.js", "actions/*/*.js"] } },
    },
    rules: {
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/unified-signatures": "off",
      "no-console": "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/system/clock.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "MemberExpression[object.name='Date'][property.name='now']", message: wallClock },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: wallClock },
        { selector: "MemberExpression[object.name='performance'][property.name='now']", message: wallClock },
      ],
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/system/environment.ts", "src/runner/environment.ts", "src/cli/environment.ts"],
    rules: {
      "no-restricted-properties": ["error", { object: "process", property: "env", message: environment }],
    },
  },
  {
    files: ["test/**/*.ts", "scripts/**/*.ts", "bench/**/*.ts"],
    rules: { "no-console": "off", "@typescript-eslint/no-non-null-assertion": "off" },
  },
  { files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
