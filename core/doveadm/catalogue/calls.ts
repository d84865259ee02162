/**
 * The types of a call: what a command takes, and the rows that it gives for what it is given.
 *
 * @module
 */

import type { Exactly, Flat, UserChoice, UserColumn } from "./call_types.ts";
import type {
  DoveadmCommandName,
  DoveadmParametersByName,
  DoveadmRowsByName,
} from "./signatures.ts";

/** What a command takes. */
export type DoveadmParameters<Name extends DoveadmCommandName> = DoveadmParametersByName[Name];

/** The parameters of a call, with an error for each that the command doesn't have. */
export type GivenParameters<Name extends DoveadmCommandName, Given> = Exactly<
  Given,
  DoveadmParameters<Name>
>;

/** A row that a command gives when it is called with some parameters. */
export type DoveadmRow<Name extends DoveadmCommandName, Parameters = DoveadmParameters<Name>> =
  DoveadmRowsByName<Parameters>[Name] extends infer Row ? [Row] extends [never] ? never
    : DoveadmParameters<Name> extends UserChoice ? Flat<UserColumn<Parameters> & Row>
    : Row
    : never;
