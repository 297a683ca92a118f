#!/usr/bin/env bash
# Signs an event as a Front application webhook does and sends it to a host. Needs bash, curl and openssl.
#
# Front's scheme (https://dev.frontapp.com/docs/application-webhooks): base64 of HMAC-SHA256 over the time in
# milliseconds, a colon and the raw body; the time travels beside it and may be five minutes off.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

usage() {
    cat <<TEXT
usage: FRONTAPP_WEBHOOK_SECRET=KEY $(basename "$0") [URL] [BODY]

  URL   where to send it  [default: http://127.0.0.1:8080/webhooks/frontapp]
  BODY  a file with the event  [default: front-event.json beside this script]

Prints the status and the answer. Ends with 1 if the status is not 2xx or nobody answers, with 2 on wrong usage.
TEXT
}

fail() { # CODE TEXT
    printf 'error: %s\n' "$2" >&2
    exit "$1"
}

case "${1:-}" in
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
esac
(($# <= 2)) || { usage >&2; exit 2; }
url="${1:-http://127.0.0.1:8080/webhooks/frontapp}"
body="${2:-$here/front-event.json}"
key="${FRONTAPP_WEBHOOK_SECRET:-}"

for tool in curl openssl; do
    command -v "$tool" >/dev/null || fail 2 "$tool is missing; install it"
done
[[ -n "$key" ]] || fail 2 "FRONTAPP_WEBHOOK_SECRET is not set; give it the key that the host's source has as secrets.webhook"
[[ -r "$body" ]] || fail 2 "cannot read $body; give a file that holds one event"

# Seconds are exact enough, and `date` writes milliseconds on GNU systems only.
time_ms="$(date +%s)000"
# openssl takes the key as an argument, which other users of this machine can see: good enough for an example's key.
signature="$({ printf '%s:' "$time_ms"; cat "$body"; } | openssl dgst -sha256 -hmac "$key" -binary | openssl base64 -A)"

answer="$(mktemp)"
trap 'rm -f "$answer"' EXIT
status="$(curl --silent --show-error --max-time 30 --noproxy localhost,127.0.0.1 \
    --header 'content-type: application/json' \
    --header "x-front-request-timestamp: $time_ms" \
    --header "x-front-signature: $signature" \
    --data-binary "@$body" \
    --output "$answer" --write-out '%{http_code}' \
    "$url")" || fail 1 "nobody answered at $url; is \`apex serve\` running?"

printf '%s %s\n' "$status" "$(cat "$answer")"
[[ "$status" == 2?? ]]
