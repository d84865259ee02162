/**
 * Pieces of IMAP that dovewire needs elsewhere. No I/O, no dependency.
 *
 * @module
 */

export { decodeMutf7, encodeMutf7 } from "./mutf7.ts";
