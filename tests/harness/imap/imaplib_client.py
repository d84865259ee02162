"""Python's imaplib as a client; its errand is JSON on standard input, its findings are printed."""

import imaplib
import json
import re
import ssl
import sys

errand = json.load(sys.stdin)
context = ssl.create_default_context(cafile=errand["ca"])
if errand["security"] == "tls":
    client = imaplib.IMAP4_SSL("localhost", errand["port"], ssl_context=context)
else:
    client = imaplib.IMAP4("localhost", errand["port"])
if errand["security"] == "starttls":
    client.starttls(context)
user, password = errand["user"], errand["password"]
if errand["mechanism"] == "LOGIN":
    client.login(user, password)
else:
    client.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())


def text(data):
    return data.decode("latin-1")


_, lines = client.list()
# A name with a quote or a backslash is a quoted string.
names = [re.search(r' "?([^"]+)"?$', text(line)).group(1) for line in lines]
client.select("INBOX")
_, (numbers,) = client.search(None, "ALL")
mails = []
for number in numbers.split():
    _, parts = client.fetch(number, "(FLAGS ENVELOPE BODY.PEEK[])")
    mails.append(text(parts[0][1]))
_, (found,) = client.search(None, "SUBJECT", '"%s"' % errand["sought"])
appended = []
for name in errand["mailFiles"]:
    with open(name, "rb") as file:
        answer, _ = client.append(errand["appendedTo"], r"(\Seen)", None, file.read())
        appended.append(answer)
# It knows commands by their names only.
imaplib.Commands[errand["custom"]] = ("AUTH", "SELECTED")
client.xatom(errand["custom"])
# It has no method for IDLE.
tag = client._new_tag()
client.send(tag + b" IDLE\r\n")
line = client.readline()
while not line.startswith(b"+"):
    line = client.readline()
while not line.endswith(b" EXISTS\r\n"):
    line = client.readline()
client.send(b"DONE\r\n")
while not line.startswith(tag):
    line = client.readline()
client.logout()
print(json.dumps({
    "mailboxes": sorted(names),
    "mails": mails,
    "found": len(found.split()),
    "hasAppended": set(appended) == {"OK"},
    "hasIdled": line.startswith(tag + b" OK"),
}))
