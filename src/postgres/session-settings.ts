/** The settings of our own SQL connections. */

/**
 * What the output of values depends on, apart from the values: the same as pg_dump sets or `libpqEnvironment` makes
 * it set. `row_security = off` turns hidden rows into an error.
 */
export const sessionSettings = `
  set statement_timeout = 0;
  set lock_timeout = 0;
  set idle_in_transaction_session_timeout = 0;
  set client_encoding = 'UTF8';
  set standard_conforming_strings = on;
  set timezone = 'UTC';
  set datestyle = 'ISO, MDY';
  set intervalstyle = 'postgres';
  set extra_float_digits = 1;
  set bytea_output = 'hex';
  set xmloption = content;
  set lc_monetary = 'C';
  set search_path = '';
  set row_security = off;
`;
