/**
 * Writes the configuration of a Dovecot 2.4.
 *
 * @module
 */

import { basename } from "node:path";
import type { Configuration } from "./configuration_2_3.ts";

/** The text of a dovecot.conf for Dovecot 2.4, equivalent to that for 2.3. */
export function configuration24(settings: Configuration): string {
  const { folder, port, httpPort, tlsPort, password, apiKey, quota, processLimit } = settings;
  return `
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = ${folder}/run
state_dir = ${folder}/state
instance_name = ${basename(folder)}
log_path = ${folder}/dovecot.log
protocols =
listen = 127.0.0.1
${
    tlsPort === undefined ? "ssl = no" : `ssl = yes
ssl_server_cert_file = ${folder}/server.crt
ssl_server_key_file = ${folder}/server.key`
  }
verbose_proctitle = yes
default_vsz_limit = 1G
auth_username_chars =
passdb passwd-file {
  passwd_file_path = ${folder}/passwd
}
userdb passwd-file {
  passwd_file_path = ${folder}/passwd
}
mail_driver = maildir
mail_path = ~/Maildir
mail_plugins {
  quota = yes
}
first_valid_uid = 1
first_valid_gid = 1
namespace inbox {
  inbox = yes
  separator = /
}
quota "User quota" {
  driver = maildir
  storage_size = ${quota}
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
    listen = 127.0.0.1
    port = ${port}
  }
  # The name makes it an HTTP listener.
  inet_listener http {
    listen = 127.0.0.1
    port = ${httpPort}
  }
  ${
    tlsPort === undefined ? "" : `inet_listener doveadm-tls {
    listen = 127.0.0.1
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
${settings.everything ? everything(folder) : ""}
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

/** All plugins with doveadm commands, and the data for them. */
function everything(folder: string): string {
  return `
mail_plugins {
  acl = yes
  fts = yes
  fts_flatcurve = yes
  mail_crypt = yes
}
mail_attribute {
  dict file {
    path = %{home}/attributes
  }
}
# For "dict", whose commands take the names of such blocks.
dict_server {
  dict file {
    path = ${folder}/users/dict
  }
}
# For "fs", whose commands do the same; nothing else here uses it.
mail_ext_attachment {
  fs posix {
    prefix = ${folder}/users/fs/
    mode = 0666
  }
}
acl_driver = vfile
acl_sharing_map {
  dict file {
    path = ${folder}/users/shared-mailboxes
  }
}
language en {
  default = yes
  filters = lowercase snowball english-possessive stopwords
}
language_filters = lowercase snowball stopwords
language_tokenizers = generic email-address
fts flatcurve {
}
sieve_script personal {
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}
crypt_user_key_curve = prime256v1
# Whatever keys there are, mail is not encrypted.
crypt_write_algorithm =
metric user_lookups {
  filter = event=auth_userdb_request_finished
  group_by user {
    method discrete {
    }
  }
}
metric openings {
  filter = event=mail_opened
}
`;
}
