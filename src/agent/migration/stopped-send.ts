/**
 * What `xl migrate` does (tools/xl/xl_migrate.c of Xen 4.20), but with a guest that stands still: `xl save` writes what
 * `xl migrate-receive` reads. It goes on where the agent has ended: a way that breaks off lets the guest go on here.
 * The arguments are xl and the VM, descriptor 3 is the connection. A message ends with a line or with a byte of zero.
 */
export const stoppedSend = String.raw`
xl=$0 vm=$1 away=$1--migratedaway
trap '' PIPE
fail() {
  echo "$1" >&2
  exit 1
}
hear() { [ "$(head -c $(printf '%s\0' "$1" | wc -c) <&3 | tr -d '\0')" = "$1" ]; }
go_on() {
  "$xl" unpause "$vm" >&2
  fail "$1: it goes on here"
}

hear 'xl migration receiver ready, send binary domain data.' || fail 'the other host is not ready to receive it'
code=$({ { "$xl" save -p "$vm" /proc/self/fd/4 4>&1 >&2 3>&- 5>&-; echo $? >&5; } | cat >&3 5>&-; } 5>&1)
[ "$code" = 0 ] || fail "xl save ended with $code"
hear 'domain received, ready to unpause' || go_on 'the other host has not got all of it'
"$xl" rename "$vm" "$away" >&2 || go_on 'it could not be renamed'
printf 'domain is yours, you are cleared to unpause\0' >&3
hear 'my copy unpause results are as follows' || fail 'the way broke off in the final handshake'
if [ "$(head -c 1 <&3 | od -An -tu1 | tr -d ' ')" = 0 ]; then
  "$xl" destroy "$away" >&2
  exit 0
fi
hear 'domain is yours, you are cleared to unpause' || fail 'the other host could not start it, and has not given it back'
"$xl" rename "$away" "$vm" >&2
go_on 'the other host could not start it'
`;
