/**
 * TLS options and error messages.
 *
 * @module
 */

import { checkTlsOptions } from "../address_checks.ts";
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
  /** It connected, to `host` unless that was a UNIX socket. */
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
  /** The name that the server's certificate must have; empty if it isn't checked. */
  readonly serverName: string;
  /** CAs, as PEM, or `undefined` for the runtime's (a client) or none (a server). */
  readonly ca: string[] | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly alpnProtocols: string[];
  /** Whether a client checks the server's certificate. */
  readonly verifies: boolean;
}

/** Checks options; throws a `TransportError` for invalid ones, a `LocalProtocolError` for other types. */
export function settingsOf(options: TlsOptions, role: TlsRole, peer: string): TlsSettings {
  checkTlsOptions(options);
  const { caCerts, cert, key, alpnProtocols = [] } = options;
  const refuse = (why: string) => tlsError("tls", peer, why);
  // Some runtimes accept an empty list or an invalid certificate without an error.
  if (caCerts?.length === 0) {
    throw refuse('"caCerts" is empty: no certificate would be trusted. Leave it out, or add a CA.');
  }
  if (caCerts?.some((it) => !it.includes("-----BEGIN CERTIFICATE-----"))) {
    throw refuse(
      "\"caCerts\" has an entry that isn't PEM. Pass the content of the certificate's file.",
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw refuse('one of "cert" and "key" is missing. Set both, or none.');
  }
  if (role.side === "server" && cert === undefined) {
    throw refuse('a server needs a certificate. Set "cert" and "key".');
  }
  const verifies = options.dangerouslyTrustAnyCertificate !== true;
  const serverName = options.serverName ?? (role.side === "client" ? role.host : undefined) ?? "";
  if (role.side === "client" && verifies && serverName === "") {
    throw refuse('the name that its certificate must have isn\'t known. Set "serverName".');
  }
  const ca = caCerts === undefined ? undefined : [...caCerts];
  return { serverName, ca, cert, key, alpnProtocols: [...alpnProtocols], verifies };
}

/** The error for plaintext that was received before TLS was started. */
export function plaintextError(peer: string): TransportError {
  return tlsError(
    "tls",
    peer,
    "unencrypted data came after the request to start TLS. An attacker on the network may have " +
      "injected it, so the connection was closed.",
  );
}

/** The error for a transport that is in use when TLS is to start. */
export function busyError(peer: string): TransportError {
  return tlsError("tls", peer, "a read or a write is pending. Wait for it first.");
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

/** Why a handshake failed. */
export interface TlsFault {
  readonly code: TransportErrorCode;
  /** The reason, and what to do. */
  readonly why: string;
}

const anotherCa = 'If that is your own CA, set "caCerts" to its certificate.';

/** Faults of the peer's certificate by OpenSSL's codes, which other runtimes use, too. */
const certificateFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired. Renew it.",
  CERT_NOT_YET_VALID: "its certificate isn't valid yet. Check the clocks of both ends.",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is self-signed and not trusted. If it is your own, set "caCerts" to it.',
  SELF_SIGNED_CERT_IN_CHAIN: `the CA of its certificate isn't trusted. ${anotherCa}`,
  // Deno has this code for an expired certificate, too.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Deno" in globalThis
    ? "its certificate has expired, or its CA isn't trusted; Deno doesn't say which. " + anotherCa
    : `the CA of its certificate isn't trusted. ${anotherCa}`,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    'it has no certificate, and "caCerts" requires one. It needs one that these CAs issued.',
  INVALID_PURPOSE: "its certificate is not valid for this purpose. It needs another one.",
  CERT_REVOKED: "its certificate was revoked. It needs a new one.",
};

/** Why the peer rejects this end's handshake, by the end of the alert's name. */
const refusals: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: 'it requires a certificate. Set "cert" and "key".',
  BAD_CERTIFICATE: "it rejects this end's certificate as invalid, or as one for another name.",
  CERTIFICATE_EXPIRED: "it rejects this end's certificate as expired. Get a new one.",
  CERTIFICATE_UNKNOWN: "it rejects this end's certificate. Check its log for the reason.",
  UNSUPPORTED_CERTIFICATE: "it doesn't support this end's kind of certificate.",
  CERTIFICATE_REVOKED: "it rejects this end's certificate as revoked. Get a new one.",
  UNKNOWN_CA: "it doesn't trust the CA of this end's certificate.",
  NO_APPLICATION_PROTOCOL: 'it supports none of "alpnProtocols".',
  PROTOCOL_VERSION: "the two ends have no TLS version in common.",
  HANDSHAKE_FAILURE: "the two ends have no cipher in common, or a certificate is missing.",
};

/** The reason if TLS failed; `undefined` for other errors. */
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
    return { code: "certificate", why: `its certificate is invalid: ${error.message}.` };
  }
  const alert = /_ALERT_([A-Z_]+)$/.exec(code)?.[1];
  if (alert !== undefined && Object.hasOwn(refusals, alert)) {
    return { code: "tls", why: refusals[alert] };
  }
  if (code === "ERR_SSL_NO_APPLICATION_PROTOCOL") {
    return { code: "tls", why: 'it supports none of "alpnProtocols".' };
  }
  if (/WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH|RECORD_LAYER|INVALID_CONTENT/.test(code)) {
    return { code: "tls", why: "it doesn't speak TLS. Check the port." };
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
    ? "the other end reset the connection. Check that it speaks TLS at that port."
    : code === "closed"
    ? "the connection was closed on this side."
    : `the handshake failed: ${error instanceof Error ? error.message : error}.`;
  // An error that isn't the system's belongs to the handshake.
  return tlsError(code === "other" ? "tls" : code, peer, why, error);
}

function wrongName({ message }: Error, serverName: string): string {
  const names = /.*(?:altnames|list|CN): (.+)$/.exec(message)?.[1]
    .replaceAll(/(?:DNS|IP Address|IP):/g, "") ?? "another name";
  return `its certificate is for ${names}, not for ${serverName}. Connect by one of its names, ` +
    'or set "serverName" to one if you are sure that this is the server.';
}
