/**
 * What the generated signatures are made of: how rows follow from parameters.
 *
 * @module
 */

/** Whose mail a command acts on: one user's, that of all who match, or that of all in a list. */
export type UserChoice =
  | {
    /** The user's name, or a mask: `*` stands for any text and `?` for any character. */
    readonly user: string;
    readonly allUsers?: false;
    readonly userFile?: undefined;
  }
  | {
    /** All users that the server's user databases list, one after the other. */
    readonly allUsers: true;
    readonly user?: undefined;
    readonly userFile?: undefined;
  }
  | {
    /** The names of the users, one a line; not the name of a file. */
    readonly userFile: string;
    readonly user?: undefined;
    readonly allUsers?: false;
  };

/** A command's input: bytes, a text, or either in pieces as they come. */
export type CommandInput =
  | Uint8Array
  | string
  | Iterable<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>;

/** No parameters, or no columns. */
export type Nothing = Record<never, never>;

/** The type with its members side by side, for editors. */
export type Flat<T> = { [Key in keyof T]: T[Key] };

/**
 * The column with the user's name, where more than one user may answer; the name is there, too, where
 * `user` is a text that isn't known before the program runs and turns out to be a mask.
 */
export type UserColumn<Parameters> = Parameters extends { readonly allUsers: true }
  ? { username: string }
  : Parameters extends { readonly userFile: string } ? { username: string }
  : Parameters extends { readonly user: infer User extends string }
    ? string extends User ? { username?: string }
    : User extends `${string}*${string}` | `${string}?${string}` ? { username: string }
    : unknown
  : unknown;

/** Columns that depend on whether a parameter is given. */
export type When<Parameters, Name extends string, Then, Otherwise> = Parameters extends
  { readonly [Key in Name]: infer Value } ? Value extends false | undefined ? Otherwise
  : boolean extends Value ? Then | Otherwise
  : Then
  : Otherwise;

/** The names in a text with spaces or commas between them. */
export type Words<Text extends string> = Text extends
  `${infer First} ${infer Rest}` | `${infer First},${infer Rest}` ? Words<First> | Words<Rest>
  : Text;

/** The columns of fields that have names of their own or are of a family: "hdr.subject". */
export type Named<Fields, Families, Names> = {
  [Name in Names & (keyof Fields | keyof Families)]: Name extends keyof Fields ? Fields[Name]
    : Name extends keyof Families ? Families[Name]
    : never;
};

/**
 * The columns of the fields that an array asks for. Where it isn't known before the program runs,
 * each field that it may name may be there.
 */
export type Asked<Parameters, Name extends string, Fields, Families> = Parameters extends
  { readonly [Key in Name]: infer Names extends readonly string[] }
  ? number extends Names["length"] ? Partial<Named<Fields, Families, Names[number]>>
  : Named<Fields, Families, Names[number]>
  : Partial<Fields>;

/** The columns of the fields that an array asks for, or where it has "all" in it, all of them. */
export type AskedOrAll<Parameters, Name extends string, Fields, Families, All> = Parameters extends
  { readonly [Key in Name]: infer Names extends readonly string[] }
  ? number extends Names["length"] ? "all" extends Names[number] ? Partial<All>
    : Asked<Parameters, Name, Fields, Families>
  : "all" extends Names[number] ? All
  : Asked<Parameters, Name, Fields, Families>
  : Partial<Fields>;

/** The columns of the fields that a text asks for, and the usual ones where there is no text. */
export type AskedInText<Parameters, Name extends string, Fields, Families, Usual> =
  Parameters extends { readonly [Key in Name]: infer Text extends string }
    ? string extends Text ? Partial<Fields & Families> : Named<Fields, Families, Words<Text>>
    : Named<Fields, Families, Usual>;

/** All keys of the members of a union. */
export type KeysOf<Union> = Union extends unknown ? keyof Union : never;

/** Parameters, and an error for each one that the command doesn't have. */
export type Exactly<Given, Allowed> =
  & Given
  & { readonly [Key in Exclude<keyof Given, KeysOf<Allowed>>]: never };
