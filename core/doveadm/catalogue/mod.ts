/**
 * The catalogue of Dovecot's server commands: names, parameters, columns and their types, for Dovecot 2.3
 * and 2.4.
 *
 * @module
 */

export {
  areVersioned,
  checkParameters,
  encodeArguments,
  existsIn,
  givenParameters,
  isLasting,
  longOption,
  type ParameterValue,
  type ParameterValues,
} from "./arguments.ts";
export type {
  Asked,
  AskedInText,
  AskedOrAll,
  CommandInput,
  Exactly,
  Flat,
  KeysOf,
  Named,
  Nothing,
  UserChoice,
  UserColumn,
  When,
  Words,
} from "./call_types.ts";
export type { DoveadmParameters, DoveadmRow, GivenParameters } from "./calls.ts";
export { chooseColumns, columnsOf, parametersToSend, type ReplyColumn } from "./columns.ts";
export { commands, fieldTables } from "./commands.ts";
export type {
  ColumnInfo,
  ColumnRule,
  CommandInfo,
  DovecotVersion,
  FieldInfo,
  FieldTable,
  Lifetime,
  ParameterContent,
  ParameterInfo,
  ParameterType,
  ValueInfo,
} from "./command_info.ts";
export {
  type ConnectionKind,
  connectionKind,
  connectionKindOf,
  connectionKinds,
} from "./connection_kind.ts";
export {
  decodeArguments,
  type GivenOptions,
  type Option,
  optionsOf,
  parseOptions,
} from "./options.ts";
export { type NamedThing, namedThings, receivedArguments } from "./named_things.ts";
export { commandReach, parameterReach, parameterReaches, type Reach } from "./reach.ts";
export { findCommand, versionOf, versionOfList } from "./lookup.ts";
export type {
  AllMailboxStatusFields,
  DoveadmCommandName,
  DoveadmParametersByName,
  DoveadmRowsByName,
  FetchFieldFamilies,
  FetchFields,
  MailboxStatusFieldFamilies,
  MailboxStatusFields,
  MailboxStatusFieldSums,
  MailParameters,
  StatsDumpFieldFamilies,
  StatsDumpFields,
} from "./signatures.ts";
