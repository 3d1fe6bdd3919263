#!/bin/sh
# Installs claude-backup: downloads the archive for this machine, checks it, puts the program in place.
#
#   CLAUDE_BACKUP_BIN      the folder for the program, instead of ~/.local/bin
#   CLAUDE_BACKUP_VERSION  the version, instead of the one that this script came with
#   CLAUDE_BACKUP_URL      where the releases are, instead of where this script came from: https only
#   CLAUDE_BACKUP_ALLOW_HTTP=1  takes plain http too, from this machine alone (127.0.0.1, [::1], localhost)
#
# Nothing runs before the last line is read, so a download that was cut short does nothing.
set -eu

main() {
    version=${CLAUDE_BACKUP_VERSION:-@VERSION@}
    releases=${CLAUDE_BACKUP_URL:-@RELEASES@}
    case $releases in
    https://*) protocols='=https' ;;
    http://*)
        is_allowed_http "${releases#http://}" || fail "$releases is not https: whoever is on the line could replace the program"
        protocols='=http,https'
        ;;
    *) fail "this is the template of a release's install.sh; take the one on a release page, or set CLAUDE_BACKUP_URL and CLAUDE_BACKUP_VERSION" ;;
    esac
    bin=${CLAUDE_BACKUP_BIN:-${HOME:?is not set}/.local/bin}
    archive=claude-backup-$version-$(target).tar.gz
    needs tar
    needs curl wget
    needs sha256sum shasum

    # A folder beside the program, so that the last step is a rename and a half-made file never has its name.
    mkdir -p "$bin"
    bin=$(CDPATH='' cd -- "$bin" && pwd)
    work=$(mktemp -d "$bin/.claude-backup.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP TERM

    download "$releases/v$version/SHA256SUMS" "$work/SHA256SUMS"
    download "$releases/v$version/$archive" "$work/$archive"
    check "$archive"
    tar -xzf "$work/$archive" -C "$work"
    install "$work/${archive%.tar.gz}/claude-backup"
    say_what_next
}

# The target that the archive is named after. The one for Linux is static: any C library, or none, will do.
target() {
    case $(uname -s) in
    Linux) system=unknown-linux-musl ;;
    Darwin) system=apple-darwin ;;
    *) system= ;;
    esac
    case $(uname -m) in
    x86_64 | amd64) processor=x86_64 ;;
    aarch64 | arm64) processor=aarch64 ;;
    *) processor= ;;
    esac
    if [ -z "$system" ] || [ -z "$processor" ]; then
        fail "there is no archive for $(uname -s) on $(uname -m); with Rust, \`cargo install claude-backup\` builds it"
    fi
    echo "$processor-$system"
}

# Where a host leads on to its storage, it must not lead out of https.
download() {
    if has curl; then
        curl -fsSL --retry 2 --proto "$protocols" --proto-redir '=https' --tlsv1.2 -o "$2" "$1" ||
            fail "could not download $1"
    else
        # Others do not check certificates, or follow any redirect.
        case $(wget --version 2>/dev/null) in
        'GNU Wget'*) ;;
        *) fail "this needs curl or GNU wget" ;;
        esac
        follow "$1" "$2" || fail "could not download $1"
    fi
}

# wget alone would follow a redirect to plain http.
follow() {
    address=$1
    for _ in 1 2 3 4 5; do
        if wget -q -S --max-redirect=0 --secure-protocol=TLSv1_2 -O "$2" "$address" 2>"$work/headers"; then
            return
        fi
        address=$(sed -n 's/^ *[Ll][Oo][Cc][Aa][Tt][Ii][Oo][Nn]: *\([^[:space:]]*\).*/\1/p' "$work/headers" | sed -n '$p')
        case $address in
        https://*) ;;
        '') return 1 ;;
        *) fail "$1 leads to $address, which is not https" ;;
        esac
    done
    return 1
}

# True for an address on this machine, without its http://, where that was asked for.
is_allowed_http() {
    [ "${CLAUDE_BACKUP_ALLOW_HTTP:-}" = 1 ] || return 1
    place=${1%%[/?#]*}
    case $place in
    *[!0-9A-Za-z.:\[\]-]*) return 1 ;;
    '[::1]' | '[::1]:'*) return 0 ;;
    esac
    case ${place%%:*} in
    127.0.0.1 | localhost) return 0 ;;
    *) return 1 ;;
    esac
}

# Before anything is unpacked: the bytes are those that the release names.
check() {
    wanted=$(while read -r sum name; do [ "$name" != "$1" ] || echo "$sum"; done <"$work/SHA256SUMS")
    if has sha256sum; then
        found=$(sha256sum <"$work/$1")
    else
        found=$(shasum -a 256 <"$work/$1")
    fi
    [ "${found%% *}" = "$wanted" ] || fail "$1 is not what the release says it is; nothing was installed"
}

install() {
    "$1" --version >/dev/null || fail "the program does not run on this machine; nothing was installed"
    # mv would put it into a folder of that name.
    [ ! -d "$bin/claude-backup" ] || fail "$bin/claude-backup is a folder"
    mv -f "$1" "$bin/claude-backup"
}

say_what_next() {
    echo "Installed claude-backup $version in $bin"
    first=$(command -v claude-backup || true)
    case ":$PATH:" in
    *":$bin:"*)
        [ "$first" = "$bin/claude-backup" ] || echo "Your PATH has another one before it: $first"
        echo "Next: claude-backup init"
        ;;
    *)
        echo "This folder is not in your PATH; a line in your shell's profile puts it there:"
        echo "    export PATH=\"$bin:\$PATH\""
        echo "Next: $bin/claude-backup init"
        ;;
    esac
}

# Ends where none of these programs is here.
needs() {
    for program in "$@"; do
        ! has "$program" || return 0
    done
    fail "this needs $(echo "$*" | sed 's/ / or /g')"
}

has() {
    command -v "$1" >/dev/null
}

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

main
