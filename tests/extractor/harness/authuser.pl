#!/usr/bin/perl
# Checks a password and becomes another program, as qmail-authuser does and the checkpassword interface
# says (https://cr.yp.to/checkpwd/interface.html):
#
#     AUTHUSER_FILE=passwords authuser.pl PROGRAM [ARGUMENT…]  3<credentials
#
# File descriptor 3 has at most 512 bytes: a user, a password and a challenge, each with a NUL after it.
# A line of the file is user:password; the password is plain, or a hash of crypt(3) that begins with "$".
#
# Exit codes: 1 for a wrong password or more than 512 bytes; 2 without a program or with invalid
# credentials; 111 if something can't be read or run. Otherwise it executes the program in the same
# process, with the same standard input and output.
#
# AUTHUSER_REAL_UID, only for root: the real user from here on. Only the effective and the saved user are
# root then, as in qmail-authuser, which has the set-user-id bit.
use strict;
use warnings;

@ARGV or exit 2;

open(my $input, '<&=', 3) or exit 111;
my $credentials = '';
while (1) {
    my $read = sysread($input, $credentials, 513 - length $credentials, length $credentials);
    defined $read or exit 111;
    last if $read == 0;
    exit 1 if length $credentials > 512;
}
close $input;
my ($user, $password) = $credentials =~ /\A([^\0]+)\0([^\0]*)\0[^\0]*\0\z/ or exit 2;

open(my $file, '<', delete $ENV{AUTHUSER_FILE} // '') or exit 111;
my $is_right = 0;
while (my $line = <$file>) {
    chomp $line;
    my ($name, $secret) = split /:/, $line, 2;
    next unless $name eq $user;
    my $given = $secret =~ /^\$/ ? crypt($password, $secret) // '' : $password;
    $is_right = $given eq $secret;
    last;
}
close $file;
exit 1 unless $is_right;

my $real = delete $ENV{AUTHUSER_REAL_UID};
if (defined $real) {
    $< = $real;
    $< == $real or exit 111;
}
exec { $ARGV[0] } @ARGV or exit 111;
