/** Written by `npm run docs` from package.json. */
export const version = "0.1.0";
