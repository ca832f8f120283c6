#!/bin/sh
# Makes certificates for development in DIR (default: this folder): a local authority and a leaf that it signs.
# Does nothing when they exist and are valid for another week. See README.md beside this script.
set -eu

directory=${1:-$(dirname "$0")}
names="DNS:site.test,DNS:*.site.test,DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:::1"
authority_days=3650
# Clients refuse leaves that are valid for longer than 825 days.
leaf_days=397

command -v openssl >/dev/null || {
    echo "certs/make.sh: the program openssl is missing; “apt-get install openssl” brings it" >&2
    exit 1
}
mkdir -p "$directory"
cd "$directory"
umask 077

# valid FILE: a certificate that will still be valid in a week.
valid() { [ -s "$1" ] && openssl x509 -in "$1" -noout -checkend 604800 >/dev/null 2>&1; }

# fits CERTIFICATE KEY: both are there and belong together.
fits() {
    valid "$1" && [ -s "$2" ] &&
        [ "$(openssl x509 -in "$1" -noout -pubkey)" = "$(openssl pkey -in "$2" -pubout 2>/dev/null)" ]
}

if fits authority.pem authority.key && fits local.pem local.key &&
    openssl verify -CAfile authority.pem local.pem >/dev/null 2>&1; then
    exit 0
fi

# Written under another name first: an interrupted run leaves no half of a pair behind.
trap 'rm -f new-*.tmp' EXIT

if ! fits authority.pem authority.key; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days "$authority_days" \
        -subj "/CN=Kontainers development authority $(uname -n | cut -c1-24)" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout new-authority-key.tmp -out new-authority.tmp 2>/dev/null
    mv new-authority-key.tmp authority.key
    mv new-authority.tmp authority.pem
fi

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -subj "/CN=site.test" \
    -keyout new-local-key.tmp -out new-request.tmp 2>/dev/null
cat >new-extensions.tmp <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=$names
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
END
openssl x509 -req -in new-request.tmp -CA authority.pem -CAkey authority.key -sha256 -days "$leaf_days" \
    -set_serial "0x$(openssl rand -hex 16 | sed 's/^./1/')" -extfile new-extensions.tmp -out new-local.tmp 2>/dev/null
mv new-local-key.tmp local.key
mv new-local.tmp local.pem
chmod 644 authority.pem local.pem
echo "made $(pwd)/local.pem and local.key; clients that trust $(pwd)/authority.pem accept them"
