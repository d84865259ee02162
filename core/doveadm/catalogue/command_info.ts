/**
 * The types of the catalogue's entries.
 *
 * @module
 */

/** A version of Dovecot that the catalogue knows; each stands for all of its releases. */
export type DovecotVersion = "2.3" | "2.4";

/** The versions in which something exists. */
export interface Lifetime {
  /** The first version of the catalogue that has it. */
  readonly since: DovecotVersion;
  /** The last one that has it; left out if the newest still does. */
  readonly until?: DovecotVersion;
}

/** The type of a parameter's value: "array" is of strings, "integer" has 64 bits. */
export type ParameterType = "string" | "integer" | "boolean" | "array";

/**
 * Restrictions on a parameter's value besides its type.
 *
 * - "query" and "removal-query": the words of a search query; the latter must name a mailbox and another
 *   condition.
 * - "flags": system flags and keywords.
 * - "date": in one of the formats of search queries.
 * - "guid": 32 hexadecimal digits.
 * - "uint32" and "uint64": a number from 0 on of that many bits.
 * - "nanoseconds": a time since 1970, a second or more.
 * - "metadata-key", "acl-id", "acl-right", "script-name", "cache-decision", "path-type", "ip", "auth-info":
 *   the valid names of these.
 * - "not-empty" and "single": any text except the empty one, and a single value.
 * - "unusable": no value, since servers crash.
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
  /** Its type in the newest version that has it. */
  readonly type: ParameterType;
  /** Its type in versions where it differs. */
  readonly typeIn?: Readonly<Partial<Record<DovecotVersion, ParameterType>>>;
  /** The letter of its short option. */
  readonly short?: string;
  /** Whether it can be positional: a word that is no option; an array takes all remaining ones. */
  readonly positional?: true;
  /** The word before it if it is positional: "user" for "sourceUser". */
  readonly keyword?: string;
  /** Whether a positional array is one word, with spaces between its values. */
  readonly joined?: true;
  /** Whether the command fails without it. */
  readonly required?: true;
  /** Restrictions on its value besides its type. */
  readonly content?: ParameterContent;
  /** The parameter that is its upper limit, unless that is 0. */
  readonly atMost?: string;
  /** Its only valid value, which is added if another parameter is set. */
  readonly implied?: { readonly by: string; readonly value: string };
}

/**
 * How to read a value's text.
 *
 * - "string" and "bytes": as it is; "bytes" if it may not be UTF-8. `format` is "guid" if it always has 32
 *   hexadecimal digits.
 * - "number" and "bigint": decimal; "bigint" if it may exceed 2^53.
 * - "boolean": `true` if it equals `format`.
 * - "date": `format` is "unix" for seconds since 1970, and "local" for "2026-01-05 11:30:00" on the
 *   server's clock.
 * - "strings" and "numbers": `format` is "spaces" for "a b", "parentheses" for "(a b)" and "commas"
 *   for "a,b".
 */
export interface ValueInfo {
  /** The type of the result. */
  readonly type:
    | "string"
    | "bytes"
    | "number"
    | "bigint"
    | "boolean"
    | "date"
    | "strings"
    | "numbers";
  /** The format, for the types that have several. */
  readonly format?: string;
  /** Texts for "no value": "-" for a quota without a limit. */
  readonly null?: readonly string[];
}

/** A column of a command's rows. */
export interface ColumnInfo extends ValueInfo {
  /** Its key in JSON over HTTP, and in the rows of clients. */
  readonly key: string;
}

/** A field that a caller may request. */
export interface FieldInfo extends ValueInfo, Lifetime {
  /** Its name; a "*" in it stands for any text, as in "hdr.*". */
  readonly name: string;
  /** The field that is sent to the server instead, since its value is more precise. */
  readonly askedAs?: string;
  /** Whether sums are available for it. */
  readonly summable?: true;
  /** Whether it was added after the first release of the version, so that some servers lack it. */
  readonly later?: true;
}

/** The tables of fields. */
export type FieldTable = "fetch" | "mailboxStatus" | "statsDump";

/** The columns of a command, and what they depend on. */
export type ColumnRule =
  | {
    /** The columns are fixed. */
    readonly type: "fixed";
    /** The columns, in the order of their values. */
    readonly columns: readonly ColumnInfo[];
  }
  | {
    /** The columns depend on whether a parameter is set. */
    readonly type: "when";
    /** The parameter's name. */
    readonly parameter: string;
    /** The columns if it is. */
    readonly then: readonly ColumnInfo[];
    /** The columns if it isn't. */
    readonly otherwise: readonly ColumnInfo[];
  }
  | {
    /** The columns are the requested fields. */
    readonly type: "fields";
    /** The table with the fields. */
    readonly table: FieldTable;
    /** The parameter with their names: an array, or a string with spaces between them. */
    readonly parameter: string;
    /** "asked" for the order of the request, "table" for that of the table. */
    readonly order: "asked" | "table";
    /** The columns before them. */
    readonly ahead: readonly ColumnInfo[];
    /**
     * The parameter that requests a single row of sums: the columns before are left out, and fields have to
     * be `summable`.
     */
    readonly sumsIf?: string;
    /** The name that stands for all fields. */
    readonly all?: string;
    /** The fields if none is requested. */
    readonly usual?: readonly string[];
  };

/** A command of Dovecot's servers. */
export interface CommandInfo extends Lifetime {
  /** Its name over UNIX sockets and TCP, as in doveadm: "mailbox status". */
  readonly name: string;
  /** Its name over HTTP: "mailboxStatus". */
  readonly method: string;
  /** What it does, in a sentence. */
  readonly summary: string;
  /** Whether it acts on users' mail, and so takes a user, or all of them. */
  readonly mail: boolean;
  /**
   * Whether it needs a fresh connection: after other commands, a server sends its rows after the reply, or
   * has no permission to run it. {@linkcode CommandInfo.plain} has exceptions.
   */
  readonly alone: boolean;
  /**
   * The versions in which it can share a connection with others that don't act on mail, each with the
   * parameters for which that is known; with any other it needs a fresh connection. Source: tests of each
   * row on a used connection of a server of that version.
   */
  readonly plain?: Readonly<Partial<Record<DovecotVersion, readonly string[]>>>;
  /** Whether it may change something on the server. */
  readonly changes: boolean;
  /** "json" for one JSON text instead of rows; "nothing" for no values. */
  readonly answer: "rows" | "json" | "nothing";
  /** The parameter that is the command's input: "file" of "save". */
  readonly input?: string;
  /** Parameters of which at least one is required. */
  readonly needsOneOf?: readonly string[];
  /** Its parameters, in the order of the positional ones. */
  readonly parameters: readonly ParameterInfo[];
  /** Its columns in each version that has it. */
  readonly columns: Readonly<Partial<Record<DovecotVersion, ColumnRule>>>;
}
