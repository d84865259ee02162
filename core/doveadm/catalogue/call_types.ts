/**
 * The types that generated signatures use: how rows follow from parameters.
 *
 * @module
 */

/** Selects the users whose mail a command acts on: one, all that match a mask, or all in a list. */
export type UserChoice =
  | {
    /** The user's name, or a mask: `*` stands for any text and `?` for any character. */
    readonly user: string;
    readonly allUsers?: false;
    readonly userFile?: undefined;
  }
  | {
    /** All users that the server's user databases list. */
    readonly allUsers: true;
    readonly user?: undefined;
    readonly userFile?: undefined;
  }
  | {
    /** The names of the users, one per line; not a file name. */
    readonly userFile: string;
    readonly user?: undefined;
    readonly allUsers?: false;
  };

/** A command's input: bytes, a text, or an iterable of these. */
export type CommandInput =
  | Uint8Array
  | string
  | Iterable<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>;

/** No parameters, or no columns. */
export type Nothing = Record<never, never>;

/** Merges an intersection to one object type, for editors. */
export type Flat<T> = { [Key in keyof T]: T[Key] };

/**
 * The column with the user's name, if more than one user may answer. It is optional if `user` is a
 * `string`, which may be a mask at run time.
 */
export type UserColumn<Parameters> = Parameters extends { readonly allUsers: true }
  ? { username: string }
  : Parameters extends { readonly userFile: string } ? { username: string }
  : Parameters extends { readonly user: infer User extends string }
    ? string extends User ? { username?: string }
    : User extends `${string}*${string}` | `${string}?${string}` ? { username: string }
    : unknown
  : unknown;

/** Columns that depend on whether a parameter is set. */
export type When<Parameters, Name extends string, Then, Otherwise> = Parameters extends
  { readonly [Key in Name]: infer Value } ? Value extends false | undefined ? Otherwise
  : boolean extends Value ? Then | Otherwise
  : Then
  : Otherwise;

/** The words in a text, separated by spaces or commas. */
export type Words<Text extends string> = Text extends
  `${infer First} ${infer Rest}` | `${infer First},${infer Rest}` ? Words<First> | Words<Rest>
  : Text;

/** The columns of fields with fixed names or of families: "hdr.subject". */
export type Named<Fields, Families, Names> = {
  [Name in Names & (keyof Fields | keyof Families)]: Name extends keyof Fields ? Fields[Name]
    : Name extends keyof Families ? Families[Name]
    : never;
};

/**
 * The columns of the fields in an array. If the fields are known only at run time, each possible column is
 * optional.
 */
export type Asked<Parameters, Name extends string, Fields, Families> = Parameters extends
  { readonly [Key in Name]: infer Names extends readonly string[] }
  ? number extends Names["length"] ? Partial<Named<Fields, Families, Names[number]>>
  : Named<Fields, Families, Names[number]>
  : Partial<Fields>;

/** The columns of the fields in an array, or all columns if it contains "all". */
export type AskedOrAll<Parameters, Name extends string, Fields, Families, All> = Parameters extends
  { readonly [Key in Name]: infer Names extends readonly string[] }
  ? number extends Names["length"] ? "all" extends Names[number] ? Partial<All>
    : Asked<Parameters, Name, Fields, Families>
  : "all" extends Names[number] ? All
  : Asked<Parameters, Name, Fields, Families>
  : Partial<Fields>;

/** The columns of the fields in a text, or the default ones without a text. */
export type AskedInText<Parameters, Name extends string, Fields, Families, Usual> =
  Parameters extends { readonly [Key in Name]: infer Text extends string }
    ? string extends Text ? Partial<Fields & Families> : Named<Fields, Families, Words<Text>>
    : Named<Fields, Families, Usual>;

/** All keys of the members of a union. */
export type KeysOf<Union> = Union extends unknown ? keyof Union : never;

/** Parameters, with an error type for each one that the command lacks. */
export type Exactly<Given, Allowed> =
  & Given
  & { readonly [Key in Exclude<keyof Given, KeysOf<Allowed>>]: never };
