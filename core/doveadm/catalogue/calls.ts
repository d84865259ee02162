/**
 * The types of a call: a command's parameters, and the rows that result.
 *
 * @module
 */

import type { Exactly, Flat, UserChoice, UserColumn } from "./call_types.ts";
import type {
  DoveadmCommandName,
  DoveadmParametersByName,
  DoveadmRowsByName,
} from "./signatures.ts";

/** The parameters of a command. */
export type DoveadmParameters<Name extends DoveadmCommandName> = DoveadmParametersByName[Name];

/** The parameters of a call, with an error type for each that the command lacks. */
export type GivenParameters<Name extends DoveadmCommandName, Given> = Exactly<
  Given,
  DoveadmParameters<Name>
>;

/** A row of a command's answer to a call with given parameters. */
export type DoveadmRow<Name extends DoveadmCommandName, Parameters = DoveadmParameters<Name>> =
  DoveadmRowsByName<Parameters>[Name] extends infer Row ? [Row] extends [never] ? never
    : DoveadmParameters<Name> extends UserChoice ? Flat<UserColumn<Parameters> & Row>
    : Row
    : never;
