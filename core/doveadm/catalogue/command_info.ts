/**
 * What the catalogue tells of a command.
 *
 * @module
 */

/** A version of Dovecot that the catalogue knows; each stands for all of its releases. */
export type DovecotVersion = "2.3" | "2.4";

/** In which versions something exists. */
export interface Lifetime {
  /** The first version of the catalogue that has it. */
  readonly since: DovecotVersion;
  /** The last one that has it; left out where the newest still does. */
  readonly until?: DovecotVersion;
}

/** What a parameter's value is: "array" is of strings, "integer" is one of 64 bits. */
export type ParameterType = "string" | "integer" | "boolean" | "array";

/**
 * What a parameter's value has to be like where its type doesn't tell.
 *
 * - "query" and "removal-query": the words of a search query; the latter one that names a mailbox
 *   and something besides.
 * - "flags": system flags and keywords.
 * - "date": in one of the ways of search queries.
 * - "guid": 32 hexadecimal digits.
 * - "uint32" and "uint64": a number from 0 on of so many bits.
 * - "nanoseconds": a time since 1970, a second or more.
 * - "metadata-key", "acl-id", "acl-right", "script-name", "cache-decision", "path-type", "ip",
 *   "auth-info": what those are called.
 * - "not-empty" and "single": any text but the empty one, and any one value.
 * - "unusable": nothing at all, since servers crash.
 */
export type ParameterContent =
  | "query"
  | "removal-query"
  | "flags"
  | "date"
  | "guid"
  | "uint32"
  | "uint64"
  | "nanoseconds"
  | "metadata-key"
  | "acl-id"
  | "acl-right"
  | "script-name"
  | "cache-decision"
  | "path-type"
  | "ip"
  | "auth-info"
  | "not-empty"
  | "single"
  | "unusable";

/** A parameter of a command. */
export interface ParameterInfo extends Lifetime {
  /** Its name over HTTP: "mailboxMask". As a long option it is "--mailbox-mask". */
  readonly name: string;
  /** What its value is on the newest version that has it. */
  readonly type: ParameterType;
  /** What it is on versions where that is something else. */
  readonly typeIn?: Readonly<Partial<Record<DovecotVersion, ParameterType>>>;
  /** The letter of its short option. */
  readonly short?: string;
  /** Whether a word that is no option stands for it, and for an array all that are left. */
  readonly positional?: true;
  /** The word that comes ahead of it where it stands without an option: "user" for "sourceUser". */
  readonly keyword?: string;
  /** Whether an array that stands without an option is one word, with spaces between its values. */
  readonly joined?: true;
  /** Whether the command fails without it. */
  readonly required?: true;
  /** What its value has to be like, where that is more than its type. */
  readonly content?: ParameterContent;
  /** The parameter whose value it can't be above, where that isn't given 0. */
  readonly atMost?: string;
  /** The value that it must have, and shall get unasked, where another parameter is given. */
  readonly implied?: { readonly by: string; readonly value: string };
}

/**
 * How a value's text is to be read.
 *
 * - "string" and "bytes": as it is; "bytes" where it needn't be text in UTF-8. `format` is "guid" where
 *   it always has 32 hexadecimal digits.
 * - "number" and "bigint": decimal; "bigint" where 2^53 isn't enough.
 * - "boolean": true where it is `format`.
 * - "date": `format` is "unix" for seconds since 1970, and "local" for "2026-01-05 11:30:00" on the
 *   server's clock.
 * - "strings" and "numbers": `format` is "spaces" for "a b", "parentheses" for "(a b)" and "commas"
 *   for "a,b".
 */
export interface ValueInfo {
  /** What becomes of it. */
  readonly type:
    | "string"
    | "bytes"
    | "number"
    | "bigint"
    | "boolean"
    | "date"
    | "strings"
    | "numbers";
  /** How it is written, for the types that need it. */
  readonly format?: string;
  /** The texts that mean that there is no value: "-" for a quota without a limit. */
  readonly null?: readonly string[];
}

/** A column of a command's rows. */
export interface ColumnInfo extends ValueInfo {
  /** Its key in JSON over HTTP, and in the rows that clients give. */
  readonly key: string;
}

/** A field that a caller may ask for. */
export interface FieldInfo extends ValueInfo, Lifetime {
  /** Its name; a "*" in it stands for any text, as in "hdr.*". */
  readonly name: string;
  /** The field to ask the server for in its place, whose value is more exact. */
  readonly askedAs?: string;
  /** Whether it has a sum. */
  readonly summable?: true;
  /** Whether it came after the first release of the version, so that not every server has it. */
  readonly later?: true;
}

/** The tables of fields that columns come from. */
export type FieldTable = "fetch" | "mailboxStatus" | "statsDump";

/** The columns of a command, and what they depend on. */
export type ColumnRule =
  | {
    /** They are always the same. */
    readonly type: "fixed";
    /** Them, in the order of their values. */
    readonly columns: readonly ColumnInfo[];
  }
  | {
    /** They depend on whether a parameter is given. */
    readonly type: "when";
    /** The parameter's name. */
    readonly parameter: string;
    /** The columns where it is. */
    readonly then: readonly ColumnInfo[];
    /** The columns where it isn't. */
    readonly otherwise: readonly ColumnInfo[];
  }
  | {
    /** They are the fields that were asked for. */
    readonly type: "fields";
    /** The table that the fields are in. */
    readonly table: FieldTable;
    /** The parameter that names them: an array, or a string with spaces between them. */
    readonly parameter: string;
    /** "asked" where they come as they were asked for, "table" where they come as in the table. */
    readonly order: "asked" | "table";
    /** The columns ahead of them. */
    readonly ahead: readonly ColumnInfo[];
    /**
     * The parameter with which there is one row of sums: the columns ahead are left out, and fields
     * have to be `summable`.
     */
    readonly sumsIf?: string;
    /** The name that stands for all fields. */
    readonly all?: string;
    /** The fields where none is asked for. */
    readonly usual?: readonly string[];
  };

/** A command of Dovecot's servers. */
export interface CommandInfo extends Lifetime {
  /** Its name over UNIX sockets and TCP, as doveadm has it: "mailbox status". */
  readonly name: string;
  /** Its name over HTTP: "mailboxStatus". */
  readonly method: string;
  /** What it does, in a sentence. */
  readonly summary: string;
  /** Whether it acts on a user's mail, so that it takes a user, or all of them. */
  readonly mail: boolean;
  /**
   * Whether it needs a connection of its own: one that was used before sends its rows behind the
   * reply, or has lost the right to run it.
   */
  readonly alone: boolean;
  /** Whether it may change something on the server. */
  readonly changes: boolean;
  /** "json" for one JSON text in place of rows; "nothing" where no value comes back. */
  readonly answer: "rows" | "json" | "nothing";
  /** The parameter that is the command's input: "file" of "save". */
  readonly input?: string;
  /** Parameters of which the command fails without any. */
  readonly needsOneOf?: readonly string[];
  /** Its parameters, in the order in which words that are no options fill the positional ones. */
  readonly parameters: readonly ParameterInfo[];
  /** Its columns in each version that has it. */
  readonly columns: Readonly<Partial<Record<DovecotVersion, ColumnRule>>>;
}
