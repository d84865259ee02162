/**
 * The sources of the catalogue of commands: the lists that servers return, and facts that the lists lack.
 *
 * @module
 */

import type {
  DovecotVersion,
  FieldTable,
  ParameterInfo,
  ValueInfo,
} from "../../core/doveadm/catalogue/command_info.ts";

/** A command as a server lists it: `GET /doveadm/v1`. */
export interface ListedCommand {
  readonly command: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
}

/** The list of each version's server, in its order. */
export type Lists = Readonly<Record<DovecotVersion, readonly ListedCommand[]>>;

/** The contents of facts.json. */
export interface Facts {
  /** The parameters of every command on mail. */
  readonly mailParameters: Readonly<Record<string, ParameterFacts>>;
  /** The tables of fields, in the order in which servers send them where that is fixed. */
  readonly fields: Readonly<Record<FieldTable, Readonly<Record<string, FieldFacts>>>>;
  /** The commands by their HTTP names. */
  readonly commands: Readonly<Record<string, CommandFacts>>;
}

/** The facts of a parameter that a list lacks. */
export interface ParameterFacts extends
  Pick<
    ParameterInfo,
    "short" | "positional" | "keyword" | "joined" | "required" | "content" | "atMost"
  > {
  /** Its purpose, in a sentence. */
  readonly meaning: string;
  readonly implied?: ParameterInfo["implied"];
}

/** A value and its description. */
export interface ValueFacts extends ValueInfo {
  readonly meaning?: string;
}

/** A column, by its key. */
export interface ColumnFacts extends ValueFacts {
  readonly key: string;
}

/** A field of a table. */
export interface FieldFacts extends ValueFacts {
  readonly since?: DovecotVersion;
  readonly askedAs?: string;
  readonly summable?: true;
  readonly later?: true;
}

/** Columns, and the condition for them. */
export type ColumnsFacts =
  | readonly ColumnFacts[]
  | {
    readonly when: string;
    readonly then: readonly ColumnFacts[];
    readonly otherwise: readonly ColumnFacts[];
  }
  | {
    readonly fields: FieldTable;
    readonly parameter: string;
    readonly order: "asked" | "fixed";
    readonly ahead: readonly ColumnFacts[];
    readonly sumsIf?: string;
    readonly all?: string;
    readonly usual?: readonly string[];
  };

/** The facts of a command that a list lacks. */
export interface CommandFacts {
  readonly name: string;
  readonly summary: string;
  readonly mail: boolean;
  readonly alone?: boolean;
  /** The versions in which it can share a connection, and the parameters that it was tried with there. */
  readonly plain?: Readonly<Partial<Record<DovecotVersion, readonly string[]>>>;
  readonly answer: "rows" | "json" | "nothing";
  readonly note?: string;
  readonly input?: string;
  readonly needsOneOf?: readonly string[];
  readonly changes: boolean;
  readonly columns?: ColumnsFacts | Readonly<Record<DovecotVersion, ColumnsFacts>>;
  readonly parameters: Readonly<Record<string, ParameterFacts>>;
}
