# Sourced by `run` and `instructions`: installs what is missing, compiles the small programs, builds the
# gateway for release. Sets `tools` and `gateway`. GATEWAY_BINARY names a binary to measure instead of
# building one.

# prepare PACKAGE:FILE… installs each Debian package whose file is missing.
prepare() {
  local missing=() pair
  for pair in gcc:/usr/bin/cc python3:/usr/bin/python3 libssl-dev:/usr/include/openssl/ssl.h \
    pkg-config:/usr/bin/pkg-config "$@"; do
    [ -e "${pair#*:}" ] || missing+=("${pair%%:*}")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    printf '== Debian packages: %s\n' "${missing[*]}"
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo --)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}"
  fi

  tools="$(mktemp -d)"
  trap 'rm -rf "$tools"' EXIT
  local program
  for program in origin relay load; do
    cc -O2 -Wall -Wextra -o "$tools/$program" "Tests/Benchmarks/$program.c"
  done

  gateway="${GATEWAY_BINARY:-}"
  if [ -z "$gateway" ]; then
    local build=(swift build -c release --static-swift-stdlib --scratch-path "${GATEWAY_BUILD:-.build}")
    "${build[@]}"
    gateway="$("${build[@]}" --show-bin-path)/gateway"
  fi
}
