#!/usr/bin/perl
# Checks a password and becomes another program, as qmail-authuser does and the checkpassword interface
# says (https://cr.yp.to/checkpwd/interface.html):
#
#     AUTHUSER_FILE=passwords authuser.pl PROGRAM [ARGUMENT…]  3<credentials
#
# Descriptor 3 has at most 512 bytes, to its end: a user, a password and a challenge, each with a NUL
# behind it. A line of the file is user:password, in clear or as crypt(3) has it with "$" ahead.
#
# It ends with 1 for a wrong password or for more than 512 bytes, with 2 where it is misused, that is
# without a program or with bytes that are no credentials, and with 111 where something can't be read or
# run. Otherwise the program takes its place: the process, standard input and output stay what they are.
#
# AUTHUSER_REAL_UID, for who is root: the real user from here on. Only the effective and the saved one are
# root's then, as in a program whose file has the set-user-id bit, which the real one has.
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
