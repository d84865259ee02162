/**
 * What the catalogue of commands is made of: the lists that servers give of themselves, and the facts
 * that those don't tell.
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

/** What each version's server lists, in its order. */
export type Lists = Readonly<Record<DovecotVersion, readonly ListedCommand[]>>;

/** The contents of facts.json. */
export interface Facts {
  /** Parameters that every command on mail has. */
  readonly mailParameters: Readonly<Record<string, ParameterFacts>>;
  /** The tables of fields, in the order in which servers send them where that is fixed. */
  readonly fields: Readonly<Record<FieldTable, Readonly<Record<string, FieldFacts>>>>;
  /** The commands by their HTTP names. */
  readonly commands: Readonly<Record<string, CommandFacts>>;
}

/** What a list doesn't tell of a parameter. */
export interface ParameterFacts extends
  Pick<
    ParameterInfo,
    "short" | "positional" | "keyword" | "joined" | "required" | "content" | "atMost"
  > {
  /** What it is for, in a sentence. */
  readonly meaning: string;
  readonly implied?: ParameterInfo["implied"];
}

/** A value, and what a user should know of it. */
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

/** Columns, and what they depend on. */
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

/** What a list doesn't tell of a command. */
export interface CommandFacts {
  readonly name: string;
  readonly summary: string;
  readonly mail: boolean;
  readonly alone?: boolean;
  readonly answer: "rows" | "json" | "nothing";
  readonly note?: string;
  readonly input?: string;
  readonly needsOneOf?: readonly string[];
  readonly changes: boolean;
  readonly columns?: ColumnsFacts | Readonly<Record<DovecotVersion, ColumnsFacts>>;
  readonly parameters: Readonly<Record<string, ParameterFacts>>;
}
