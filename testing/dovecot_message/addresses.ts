/**
 * Addresses in header fields (RFC 5322, 3.4), read as leniently as Dovecot reads them.
 *
 * @module
 */

import { Rfc822Reader, type Step } from "./rfc822_reader.ts";

/**
 * An address, in byte strings. A group begins with an entry whose mailbox is the group's name and
 * which has no domain, and ends with an entry that has nothing.
 */
export interface MailAddress {
  /** The display name before it, or the comment after it. */
  readonly name?: string;
  /** The source route: "@a,@b". */
  readonly route?: string;
  /** The part before the "@". */
  readonly mailbox?: string;
  /** The part after the "@". */
  readonly domain?: string;
}

/** The values for parts that an address lacks. */
interface Substitutes {
  readonly mailbox: string;
  readonly domain: string;
  readonly brokenDomain: string | undefined;
  readonly brokenRoute: string | undefined;
}

/** Empty strings. */
const nothing: Substitutes = {
  mailbox: "",
  domain: "",
  brokenDomain: undefined,
  brokenRoute: undefined,
};

/** The words that Dovecot writes into IMAP's ENVELOPE. */
const words: Substitutes = {
  mailbox: "MISSING_MAILBOX",
  domain: "MISSING_DOMAIN",
  brokenDomain: "SYNTAX_ERROR",
  brokenRoute: "INVALID_ROUTE",
};

/** The addresses in a field's value, a byte string; parts that an address lacks are "". */
export function parseAddresses(value: string): readonly MailAddress[] {
  return new AddressReader(value, nothing).readList();
}

/** The addresses for an envelope; words like MISSING_DOMAIN replace parts that an address lacks. */
export function parseEnvelopeAddresses(value: string): readonly MailAddress[] {
  return new AddressReader(value, words).readList();
}

/** An address that is being read. */
interface Draft {
  name?: string;
  route?: string;
  mailbox?: string;
  domain?: string;
  /** Whether it is broken. */
  isBroken?: boolean;
}

class AddressReader {
  readonly #reader: Rfc822Reader;
  readonly #substitutes: Substitutes;
  readonly #addresses: MailAddress[] = [];

  constructor(value: string, substitutes: Substitutes) {
    this.#reader = new Rfc822Reader(value);
    this.#substitutes = substitutes;
  }

  readList(): readonly MailAddress[] {
    const reader = this.#reader;
    let step = reader.skipSpace();
    while (step === "more" && this.#readAddress() !== "end" && reader.next() === ",") {
      reader.at++;
      step = reader.skipSpace();
      if (step === "broken") this.#add({});
    }
    return this.#addresses;
  }

  #readAddress(): Step {
    return this.#readGroup() ?? this.#readMailbox();
  }

  /** Reads `name: mailbox, mailbox;`; returns `undefined`, and reads nothing, if there is no group. */
  #readGroup(): Step | undefined {
    const reader = this.#reader;
    const start = reader.at;
    if (reader.phrase() !== "more" || reader.next() !== ":") {
      reader.at = start;
      return undefined;
    }
    this.#addresses.push({ mailbox: reader.read });
    reader.at++;
    let step = reader.skipSpace();
    if (step === "more" && reader.next() !== ";") {
      for (this.#readMailbox(); reader.next() === ","; this.#readMailbox()) {
        reader.at++;
        if (reader.skipSpace() === "more") continue;
        step = "broken";
        break;
      }
    }
    if (step !== "broken") {
      if (reader.next() === ";") {
        reader.at++;
        step = reader.skipSpace();
      } else step = "broken";
    }
    this.#addresses.push({});
    return step === "end" ? "end" : "more";
  }

  #readMailbox(): Step {
    const reader = this.#reader;
    const start = reader.at;
    const address: Draft = {};
    let step = this.#readNamed(address);
    if (step === "broken") {
      reader.at = start;
      step = this.#readBare(address);
      const { name, mailbox, domain } = address;
      if (
        address.isBroken && name === undefined && mailbox !== undefined && domain === undefined
      ) {
        address.name = mailbox;
        delete address.mailbox;
      }
    }
    this.#add(address);
    return step;
  }

  /** Reads `name <mailbox@domain>`; returns "broken" for anything else. */
  #readNamed(address: Draft): Step {
    const reader = this.#reader;
    if (reader.phrase() !== "more" || reader.next() !== "<") return "broken";
    if (reader.read !== "") address.name = reader.read;
    if (this.#readAngles(address) === "broken") {
      const { brokenDomain } = this.#substitutes;
      if (brokenDomain !== undefined) address.domain = brokenDomain;
    }
    return reader.next() === "" ? "end" : "more";
  }

  #readAngles(address: Draft): Step {
    const reader = this.#reader;
    reader.at++;
    if (reader.skipSpace() !== "more") return "broken";
    if (reader.next() === "@") {
      if (this.#readRoute(address) === "more" && reader.next() === ":") reader.at++;
      else {
        const { brokenRoute } = this.#substitutes;
        if (brokenRoute !== undefined) address.route = brokenRoute;
      }
      if (reader.skipSpace() !== "more") return "broken";
    }
    if (reader.next() !== ">") {
      if (this.#readLocalPart(address) !== "more") return "broken";
      if (reader.next() === "@" && this.#readDomain(address) !== "more") return "broken";
      if (reader.next() !== ">") return "broken";
    }
    reader.at++;
    return reader.skipSpace();
  }

  /** Reads a source route, `@host,@host`, which is obsolete. */
  #readRoute(address: Draft): Step {
    const reader = this.#reader;
    let route = "";
    while (reader.next() === "@") {
      const step = reader.domain();
      if (step !== "more") return step;
      route += `${route === "" ? "" : ","}@${reader.read}`;
      while (reader.skipSpace() === "more" && reader.next() === ",") reader.at++;
    }
    if (reader.next() === "") return "end";
    address.route = route;
    return "more";
  }

  /** Reads `mailbox@domain (name)`, or an incomplete address. */
  #readBare(address: Draft): Step {
    const reader = this.#reader;
    reader.comment = "";
    const isQuoted = reader.next() === '"';
    let step = this.#readLocalPart(address);
    let read = reader.read;
    address.isBroken = step !== "more";
    let hasDomain = false;
    if (step !== "end" && reader.next() === "@") {
      hasDomain = true;
      const domainStep = this.#readDomain(address);
      if (domainStep !== "more") step = domainStep;
    }
    if (reader.comment !== "") {
      address.name = reader.comment;
      return step;
    }
    if (hasDomain) return step;
    // One word is a mailbox, several are a name.
    reader.phrase();
    if (reader.read !== "") {
      read += ` ${reader.read}`;
      delete address.mailbox;
      address.name = read;
    } else if (!isQuoted) address.domain = "";
    address.isBroken = true;
    return "broken";
  }

  /** Reads the part before the "@" into `read`, even if it is broken. */
  #readLocalPart(address: Draft): Step {
    const reader = this.#reader;
    const step = reader.next() === '"' ? reader.quotedString() : this.#readDottedAtoms();
    if (step !== "broken") address.mailbox = reader.read;
    return step;
  }

  /** Reads atoms with any number of dots before, between and after them. */
  #readDottedAtoms(): Step {
    const reader = this.#reader;
    let read = "";
    let step: Step = "broken";
    do {
      while (reader.next() === ".") {
        read += ".";
        reader.at++;
        step = reader.next() === "" ? "end" : "more";
      }
      if (step === "end" || reader.next() === "@") break;
      if (!reader.isAtAtom) {
        step = "broken";
        break;
      }
      step = reader.atom();
      read += reader.read;
    } while (step === "more" && reader.next() === ".");
    reader.read = read;
    return step;
  }

  #readDomain(address: Draft): Step {
    const reader = this.#reader;
    const step = reader.domain();
    if (step !== "broken") address.domain = reader.read;
    return step;
  }

  #add({ name, route, mailbox, domain }: Draft): void {
    this.#addresses.push({
      ...(name === undefined ? {} : { name }),
      ...(route === undefined ? {} : { route }),
      mailbox: mailbox ?? this.#substitutes.mailbox,
      domain: domain === undefined || domain === "" ? this.#substitutes.domain : domain,
    });
  }
}
