/**
 * TLS options and error messages.
 *
 * @module
 */

import {
  type Address,
  codeOfSystemError,
  isLoopback,
  tlsError,
  type TlsOptions,
  TransportError,
  type TransportErrorCode,
} from "../transport.ts";

/** The side of a handshake. */
export type TlsRole =
  /** It connected; `host` is the name that it connected to, if there was one. */
  | { readonly side: "client"; readonly host: string | undefined }
  /** It was accepted. */
  | { readonly side: "server" };

/** The role of a client that connects to an address. */
export function clientOf(address: Address): TlsRole {
  return { side: "client", host: address.transport === "tcp" ? address.hostname : undefined };
}

/** Whether bytes without TLS go over a network; `undefined` if that isn't known. */
export function isExposedAs(role: TlsRole): boolean | undefined {
  if (role.side === "server") return undefined;
  return role.host !== undefined && !isLoopback(role.host);
}

/** The options with their defaults. */
export interface TlsSettings {
  /** The name that the server's certificate has to be for; empty if it is unused. */
  readonly serverName: string;
  /** CAs, as PEM, or `undefined` for the runtime's (a client) or none (a server). */
  readonly ca: string[] | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly alpnProtocols: string[];
  /** Whether a client checks the server's certificate. */
  readonly verifies: boolean;
}

/** Checks options; throws a `TransportError` for invalid ones. */
export function settingsOf(options: TlsOptions, role: TlsRole, peer: string): TlsSettings {
  const { caCerts, cert, key, alpnProtocols = [] } = options;
  const refuse = (why: string) => tlsError("tls", peer, why);
  // Some runtimes accept an empty list or an invalid certificate without an error.
  if (caCerts?.length === 0) {
    throw refuse('"caCerts" is empty, so that nobody would be trusted. Leave it out, or fill it.');
  }
  if (caCerts?.some((it) => !it.includes("-----BEGIN CERTIFICATE-----"))) {
    throw refuse('something in "caCerts" is no certificate in PEM. Give the text of the file.');
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw refuse('"cert" and "key" go together. Set both, or none.');
  }
  if (role.side === "server" && cert === undefined) {
    throw refuse('a server needs a certificate. Set "cert" and "key".');
  }
  const verifies = options.dangerouslyTrustAnyCertificate !== true;
  const serverName = options.serverName ?? (role.side === "client" ? role.host : undefined) ?? "";
  if (role.side === "client" && verifies && serverName === "") {
    throw refuse('there is no name for its certificate to be for. Set "serverName".');
  }
  const ca = caCerts === undefined ? undefined : [...caCerts];
  return { serverName, ca, cert, key, alpnProtocols: [...alpnProtocols], verifies };
}

/** The error for plaintext that was received before TLS was started. */
export function plaintextError(peer: string): TransportError {
  return tlsError(
    "tls",
    peer,
    "it has sent more, unencrypted, after what asked for TLS. Somebody on the way may have put that in: " +
      "the connection is closed.",
  );
}

/** The error for a transport that is in use when TLS is to start. */
export function busyError(peer: string): TransportError {
  return tlsError("tls", peer, "a read or a write is under way. Wait for it first.");
}

/** The error for a transport that is encrypted already. */
export function encryptedError(peer: string): TransportError {
  return tlsError("unsupported", peer, "it is encrypted already.");
}

/** The error for using a transport after TLS was started on it. */
export function supersededError(peer: string): TransportError {
  return new TransportError(
    "closed",
    `The connection to ${peer} is encrypted now. Use the transport that startTls() returned.`,
  );
}

/** What went wrong in a handshake. */
export interface TlsFault {
  readonly code: TransportErrorCode;
  /** What is wrong, and what to do. */
  readonly why: string;
}

const anotherCa = 'Set "caCerts" to the certificate of its CA if that is one of your own.';

/** Faults of the peer's certificate by OpenSSL's codes, which other runtimes use, too. */
const certificateFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired. Renew it.",
  CERT_NOT_YET_VALID: "its certificate isn't valid yet. Check the clocks of both ends.",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    `its certificate is signed by itself, and by nobody who is trusted here. ${anotherCa}`,
  SELF_SIGNED_CERT_IN_CHAIN: `the CA of its certificate isn't trusted here. ${anotherCa}`,
  // What Deno says of one that has expired, too.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Deno" in globalThis
    ? "its certificate has expired, or is of no CA that is trusted here: Deno doesn't say " +
      `which. ${anotherCa}`
    : `its certificate is of no CA that is trusted here. ${anotherCa}`,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    'it has no certificate, and "caCerts" asks for one. It has to be given one of these CAs.',
  INVALID_PURPOSE: "its certificate is for another purpose. It has to get one for this.",
  CERT_REVOKED: "its certificate was revoked. It has to get a new one.",
};

/** Why the peer refuses this end's certificate, by the end of the alert's name. */
const refusals: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: 'it requires a certificate of this end. Set "cert" and "key".',
  BAD_CERTIFICATE: "it refuses this end's certificate as bad, or as one for another name.",
  CERTIFICATE_EXPIRED: "it refuses this end's certificate as expired. Get a new one.",
  CERTIFICATE_UNKNOWN: "it refuses this end's certificate. Check its log for the reason.",
  UNSUPPORTED_CERTIFICATE: "it refuses this end's certificate as one of the wrong kind.",
  CERTIFICATE_REVOKED: "it refuses this end's certificate as revoked. Get a new one.",
  UNKNOWN_CA: "it doesn't trust the CA of this end's certificate.",
  NO_APPLICATION_PROTOCOL: 'it speaks none of "alpnProtocols".',
  PROTOCOL_VERSION: "both ends have no TLS version in common.",
  HANDSHAKE_FAILURE: "both ends have no cipher in common, or a certificate is missing.",
};

/** The reason, if TLS failed. */
export function faultOf(error: unknown, serverName = ""): TlsFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = String((error as { code?: unknown }).code ?? "");
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return { code: "certificate", why: wrongName(error, serverName) };
  }
  if (Object.hasOwn(certificateFaults, code)) {
    return { code: "certificate", why: certificateFaults[code] };
  }
  if (/^(?:CERT|UNABLE_TO|INVALID_CA|PATH_LENGTH|ERROR_IN_CERT|HOSTNAME_MISMATCH)/.test(code)) {
    return { code: "certificate", why: `its certificate isn't good: ${error.message}.` };
  }
  const alert = /_ALERT_([A-Z_]+)$/.exec(code)?.[1];
  if (alert !== undefined && Object.hasOwn(refusals, alert)) {
    return { code: "tls", why: refusals[alert] };
  }
  if (code === "ERR_SSL_NO_APPLICATION_PROTOCOL") {
    return { code: "tls", why: 'it supports none of "alpnProtocols".' };
  }
  if (/WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH|RECORD_LAYER|INVALID_CONTENT/.test(code)) {
    return { code: "tls", why: "it speaks something other than TLS. Check the port." };
  }
  if (/^(?:ERR_SSL|ERR_TLS|ERR_OSSL|ERR_CRYPTO|EPROTO)/.test(code)) {
    return { code: "tls", why: `the handshake failed: ${error.message.trim()}.` };
  }
  return undefined;
}

/** The error for a handshake that failed. */
export function handshakeError(error: unknown, peer: string, serverName: string): TransportError {
  const fault = faultOf(error, serverName);
  if (fault !== undefined) return tlsError(fault.code, peer, fault.why, error);
  const code = codeOfSystemError(error);
  const why = code === "reset"
    ? "the other end reset the connection. Does it speak TLS at that port?"
    : code === "closed"
    ? "the connection was closed on this side."
    : `the handshake failed: ${error instanceof Error ? error.message : error}.`;
  // An error that isn't the system's belongs to the handshake.
  return tlsError(code === "other" ? "tls" : code, peer, why, error);
}

function wrongName({ message }: Error, serverName: string): string {
  const names = /.*(?:altnames|list|CN): (.+)$/.exec(message)?.[1]
    .replaceAll(/(?:DNS|IP Address|IP):/g, "") ?? "another name";
  return `its certificate is for ${names}, not for ${serverName}. Connect by a name that it is for, ` +
    'or set "serverName" to one if you are sure that this is the server.';
}
