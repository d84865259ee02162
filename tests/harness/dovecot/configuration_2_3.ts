/**
 * Writes the configuration of a Dovecot 2.3.
 *
 * @module
 */

import { basename } from "node:path";
import process from "node:process";
import { output } from "./programs.ts";

/** The settings of a configuration. */
export interface Configuration {
  /** Path of the server's folder. */
  readonly folder: string;
  /** TCP port of the doveadm protocol. */
  readonly port: number;
  /** TCP port of the HTTP API. */
  readonly httpPort: number;
  /** TCP port of the director, which only 2.3 has. */
  readonly directorPort: number;
  /** The password of doveadm connections. */
  readonly password: string;
  /** The key of the HTTP API. */
  readonly apiKey: string;
  /** Each user's storage quota. */
  readonly quota: string;
  /** The maximum number of doveadm connections. */
  readonly processLimit: number;
  /** The port of a listener that uses TLS from the first byte; the plain ones offer STARTTLS then. */
  readonly tlsPort: number | undefined;
  /** The port of IMAP; without one there is no IMAP. */
  readonly imapPort: number | undefined;
  /** The port of IMAP with TLS from the first byte. */
  readonly imapTlsPort: number | undefined;
  /** Addresses whose IMAP clients are trusted, separated by spaces. */
  readonly trusted: string;
  /** Whether all plugins that have doveadm commands are on. */
  readonly everything: boolean;
  /** Whether full text search has an index. */
  readonly searchIndex: boolean;
  /** Settings to append. */
  readonly extra: string;
}

/** The text of a dovecot.conf for Dovecot 2.3. */
export async function configuration23(settings: Configuration): Promise<string> {
  const { folder, port, httpPort, tlsPort, password, apiKey, quota, processLimit } = settings;
  return `
base_dir = ${folder}/run
state_dir = ${folder}/state
instance_name = ${basename(folder)}
log_path = ${folder}/dovecot.log
protocols =
listen = 127.0.0.1
${
    tlsPort === undefined
      ? "ssl = no"
      : `ssl = yes\nssl_cert = <${folder}/server.crt\nssl_key = <${folder}/server.key`
  }
verbose_proctitle = yes
default_vsz_limit = 1G
${process.getuid?.() === 0 ? "" : await rootless()}
auth_username_chars =
passdb {
  driver = passwd-file
  args = ${folder}/passwd
}
userdb {
  driver = passwd-file
  args = ${folder}/passwd
}
mail_location = maildir:~/Maildir
mail_plugins = quota
first_valid_uid = 1
first_valid_gid = 1
namespace inbox {
  inbox = yes
  separator = /
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=${quota}
}
doveadm_password = ${password}
doveadm_api_key = ${apiKey}
service doveadm {
  process_limit = ${processLimit}
  unix_listener doveadm-server {
    mode = 0600
  }
  unix_listener doveadm-password {
    mode = 0666
  }
  inet_listener doveadm {
    address = 127.0.0.1
    port = ${port}
  }
  # The name makes it an HTTP listener.
  inet_listener http {
    address = 127.0.0.1
    port = ${httpPort}
  }
  ${
    tlsPort === undefined ? "" : `inet_listener doveadm-tls {
    address = 127.0.0.1
    port = ${tlsPort}
    ssl = yes
  }`
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
${imap(settings)}
${settings.everything ? everything(settings) : ""}
${settings.extra}
`;
}

/** The listeners of IMAP; a listener whose port is 0 doesn't exist. */
function imap({ imapPort, imapTlsPort = 0, trusted }: Configuration): string {
  return imapPort === undefined ? "" : `
protocols = imap
auth_mechanisms = plain login
login_trusted_networks = ${trusted}
service imap-login {
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = ${imapTlsPort}
  }
}
`;
}

/** All plugins and services with doveadm commands, and the data for them. */
function everything({ folder, directorPort, searchIndex }: Configuration): string {
  return `
mail_plugins = quota acl fts mail_crypt${searchIndex ? " fts_lucene" : ""}
mail_attribute_dict = file:%h/attributes
plugin {
  acl = vfile
  acl_shared_dict = file:${folder}/users/shared-mailboxes
  fts = ${searchIndex ? "lucene" : ""}
  fts_lucene = use_libfts
  fts_languages = en
  fts_filters = lowercase snowball stopwords
  fts_filters_en = lowercase snowball english-possessive stopwords
  fts_tokenizers = generic email-address
  sieve = file:~/sieve;active=~/.dovecot.sieve
  mail_crypt_curve = prime256v1
  # Whatever keys there are, mail is not encrypted.
  mail_crypt_save_version = 0
}
# It knows the users, and sends nobody's mail anywhere.
service replicator {
  process_min_avail = 1
  unix_listener replicator-doveadm {
    mode = 0600
  }
}
replication_max_conns = 0
director_servers = 127.0.0.1:${directorPort}
director_mail_servers = 127.0.0.2 127.0.0.3
service director {
  inet_listener {
    address = 127.0.0.1
    port = ${directorPort}
  }
}
metric user_lookups {
  filter = event=auth_userdb_request_finished
  group_by = user
}
metric openings {
  filter = event=mail_opened
}
`;
}

/** Settings to run as an ordinary user, who can neither change users nor chroot. */
async function rootless(): Promise<string> {
  // By name, and from id(1), which also knows users that are in no file.
  const user = await output("id", "-un");
  const group = await output("id", "-gn");
  return `
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
service anvil {
  chroot =
}
service imap-login {
  chroot =
}
`;
}
